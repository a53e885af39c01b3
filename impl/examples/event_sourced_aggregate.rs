//! An account whose state is its events. A command reads them, decides, and appends on condition
//! that nothing came in between, so two commands never decide on the same history.
//!
//! `cargo run -p gapless --features embedded --example event_sourced_aggregate`

use futures_util::join;
use gapless::embedded::Engine;
use gapless::{AppendError, Config, Event, Layout, Seq, Stream, Target};

/// An account as its events tell it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Account {
    balance: i64,
    /// The slot of the last event that is in it: what the next append expects.
    head: Seq,
}

#[derive(Debug, PartialEq, Eq)]
enum Withdrawal {
    Paid(i64),
    Declined,
}

impl Account {
    async fn load(stream: &Stream, id: &str) -> Result<Account, Box<dyn std::error::Error>> {
        let mut account = Account::default();
        for recorded in stream.read(Target::Key(id.to_owned())).collect().await? {
            let change = recorded.event.text().unwrap_or_default();
            account.balance += change.parse::<i64>()?;
            account.head = recorded.position.slot;
        }
        Ok(account)
    }
}

/// Withdraws if the balance covers it, and decides again if another command came in between.
async fn withdraw(
    stream: &Stream,
    id: &str,
    amount: i64,
) -> Result<Withdrawal, Box<dyn std::error::Error>> {
    loop {
        let account = Account::load(stream, id).await?;
        if account.balance < amount {
            return Ok(Withdrawal::Declined);
        }
        // A real decision takes longer. Here it lets the other command in.
        tokio::task::yield_now().await;
        let event = Event::new(id, (-amount).to_string());
        match stream.append_expecting(account.head, vec![event]).await {
            Ok(receipt) => {
                println!(
                    "withdrew {amount} of {}: slot {}",
                    account.balance, receipt.position.slot
                );
                return Ok(Withdrawal::Paid(amount));
            }
            Err(AppendError::Conflict { expected, found, .. }) => {
                println!("expected slot {expected} and found {found}: deciding again");
            }
            // `Unsettled` could be settled; this example has a store that answers.
            Err(other) => return Err(other.into()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Engine::memory()?.client();
    // A partition for each account: the expected position counts its events alone.
    let config = Config::new("bank-").layout(Layout::EachKey);
    let stream = Stream::create(client, config).await?;

    let opened = Event::new("alice", "100");
    stream.append_expecting(Seq::ZERO, vec![opened.clone()]).await?;
    let twice = stream.append_expecting(Seq::ZERO, vec![opened]).await;
    assert!(matches!(twice, Err(AppendError::Conflict { .. })), "an account is opened once");

    // Both see 100, and only one of them may have 70 of it.
    let (one, other) = join!(withdraw(&stream, "alice", 70), withdraw(&stream, "alice", 70));
    let (one, other) = (one?, other?);
    println!("two withdrawals of 70 at once: {one:?} and {other:?}");
    assert!([&one, &other].contains(&&Withdrawal::Paid(70)));
    assert!([&one, &other].contains(&&Withdrawal::Declined));

    let account = Account::load(&stream, "alice").await?;
    println!("balance: {}", account.balance);
    assert_eq!(account, Account { balance: 30, head: Seq(2) });
    Ok(())
}
