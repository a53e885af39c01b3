//! How long the search for an explaining order may take, and what it says when that is over.

use gapless_model::Seq;
use gapless_model::history::{Call, Doubts, Unexplained, explain};
use gapless_model::store::{Reply, Request};

use crate::history::{call, p, raise, unheard};
use crate::words::Words;

#[test]
fn a_search_without_an_end_is_given_up() {
    let mut calls: Vec<Call<Words>> = (0..40).map(|process| unheard(process, 1, raise())).collect();
    calls.push(call(50, (2, 3), raise(), Reply::Raised(Seq(100))));
    let doubts = Doubts { skew: 0, hidden_retries: false };
    assert_eq!(explain(&calls, &doubts, 20), Err(Unexplained::GivenUp { call: 40 }));
    // It does not matter which of them happened.
    let found = explain(&calls, &doubts, 1_000);
    assert!(matches!(found, Err(Unexplained::Answer { call: 40, .. })), "{found:?}");
}

#[test]
fn many_calls_whose_doubles_may_have_happened_are_searched_in_no_time() {
    let doubts = Doubts { skew: 500, hidden_retries: true };
    let raised = |n: u64, number| call(0, (2 * n, 2 * n + 1), raise(), Reply::Raised(Seq(number)));
    let mut calls: Vec<_> = (1..1_000).map(|n| raised(n, n)).collect();
    calls.push(raised(1_000, 1_003));
    assert_eq!(explain(&calls, &doubts, 3_000), Ok(()), "two doubles fill the gap");
    calls.push(raised(1_001, 1_002));
    let found = explain(&calls, &doubts, 3_000);
    assert!(matches!(found, Err(Unexplained::Answer { call: 1_000, .. })), "{found:?}");
}

#[test]
fn configurations_are_searched_once_and_not_once_for_each_way_there() {
    let claim = |name: usize| {
        unheard(name, 1, Request::Claim { partition: p(), name: name.to_string(), seen: None })
    };
    // Ten claims can be taken in more than three million orders, and lead to 1,024 configurations.
    let mut calls: Vec<_> = (0..10).map(claim).collect();
    calls.push(call(50, (2, 3), raise(), Reply::Raised(Seq(100))));
    let found = explain(&calls, &Doubts { skew: 0, hidden_retries: false }, 20_000);
    assert!(matches!(found, Err(Unexplained::Answer { call: 10, .. })), "{found:?}");
}

#[test]
fn a_search_that_is_given_up_names_the_answer_that_it_got_to() {
    let mut calls = vec![call(49, (0, 1), raise(), Reply::Raised(Seq(1)))];
    calls.extend((0..40).map(|process| unheard(process, 2, raise())));
    calls.push(call(50, (3, 4), raise(), Reply::Raised(Seq(100))));
    let doubts = Doubts { skew: 0, hidden_retries: false };
    assert_eq!(explain(&calls, &doubts, 20), Err(Unexplained::GivenUp { call: 41 }));
}
