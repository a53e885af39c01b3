//! An account whose state is its events. A command loads them, decides, and appends on condition that
//! no other event of the account came in between, so two commands never decide on the same history.
//!
//! `cargo run -p gapless --features embedded --example event_sourced_aggregate`

use futures_util::join;
use gapless::embedded::Engine;
use gapless::{AppendError, Config, Event, History, Layout, Stream};

/// An account as its events tell it, and how far they are told.
struct Account {
    balance: i64,
    history: History,
}

#[derive(Debug, PartialEq, Eq)]
enum Withdrawal {
    Paid(i64),
    Declined,
}

impl Account {
    async fn load(stream: &Stream, id: &str) -> Result<Account, Box<dyn std::error::Error>> {
        let mut account = Account { balance: 0, history: stream.load(id).await? };
        account.apply_news()?;
        Ok(account)
    }

    /// Takes in what is new in the history.
    fn apply_news(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        for recorded in self.history.take_events() {
            self.balance += recorded.event.text().unwrap_or_default().parse::<i64>()?;
        }
        Ok(())
    }
}

/// Withdraws if the balance covers it, and decides again if another command came in between.
async fn withdraw(
    stream: &Stream,
    id: &str,
    amount: i64,
) -> Result<Withdrawal, Box<dyn std::error::Error>> {
    let mut account = Account::load(stream, id).await?;
    loop {
        if account.balance < amount {
            return Ok(Withdrawal::Declined);
        }
        // A real decision takes longer. Here it lets the other command in.
        tokio::task::yield_now().await;
        let event = Event::new(id, (-amount).to_string());
        match stream.append_to(&mut account.history, vec![event]).await {
            Ok(receipt) => {
                println!(
                    "withdrew {amount} of {}: slot {}",
                    account.balance, receipt.position.slot
                );
                return Ok(Withdrawal::Paid(amount));
            }
            Err(AppendError::Conflict { expected, found, .. }) => {
                println!("expected slot {expected} and found {found}: deciding again");
                // What came in between is in the history already.
                account.apply_news()?;
            }
            // `Unsettled` could be settled; this example has a store that answers.
            Err(other) => return Err(other.into()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Engine::memory()?.client();
    // A partition for each account: to load one reads its events alone.
    let config = Config::new("bank-").layout(Layout::EachKey);
    let stream = Stream::create(client, config).await?;

    let mut new = stream.load("alice").await?;
    let mut also_new = new.clone();
    let opened = Event::new("alice", "100");
    stream.append_to(&mut new, vec![opened.clone()]).await?;
    let twice = stream.append_to(&mut also_new, vec![opened]).await;
    assert!(matches!(twice, Err(AppendError::Conflict { .. })), "an account is opened once");

    // Both see 100, and only one of them may have 70 of it.
    let (one, other) = join!(withdraw(&stream, "alice", 70), withdraw(&stream, "alice", 70));
    let (one, other) = (one?, other?);
    println!("two withdrawals of 70 at once: {one:?} and {other:?}");
    assert!([&one, &other].contains(&&Withdrawal::Paid(70)));
    assert!([&one, &other].contains(&&Withdrawal::Declined));

    let account = Account::load(&stream, "alice").await?;
    println!("balance: {}", account.balance);
    assert_eq!(account.balance, 30);
    Ok(())
}
