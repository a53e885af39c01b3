//! The replies of the store, as its nodes heard them.

use std::collections::HashMap;

use gapless::Live;
use gapless_model::store::{Reply, Request, reply_words};

use super::words;
use crate::plan::{Millis, Node};

/// A reply, and when the store gave it last.
type Given = (Reply<Live>, Millis);

/// The store's replies to each node's requests.
#[derive(Debug, Default)]
pub(super) struct Replies(HashMap<Node, HashMap<Request<Live>, Vec<Given>>>);

impl Replies {
    /// Notes a reply that the store gives to a request of a node.
    pub(super) fn note(
        &mut self,
        at: Millis,
        node: Node,
        request: &Request<Live>,
        reply: &Reply<Live>,
    ) {
        let given = self.0.entry(node).or_default().entry(request.clone()).or_default();
        match given.iter_mut().find(|(known, _)| known == reply) {
            Some((_, last)) => *last = at,
            None => given.push((reply.clone(), at)),
        }
    }

    /// Judges whether a reply to a request is true: the store gave it since then. Returns when it did
    /// so last.
    pub(super) fn judge(
        &self,
        since: Millis,
        node: Node,
        request: &Request<Live>,
        reply: &Reply<Live>,
    ) -> Result<Millis, String> {
        // A page that was read ahead is consistent even when the design doesn't ask for that.
        let consistent = match request {
            Request::ReadEvents { partition, after, consistent: false } => {
                let (partition, after) = (partition.clone(), *after);
                Some(Request::ReadEvents { partition, after, consistent: true })
            }
            _ => None,
        };
        let last = |request: &Request<Live>| {
            let given = self.0.get(&node)?.get(request)?;
            given.iter().find(|(known, _)| known == reply).map(|(_, at)| *at)
        };
        let last = last(request).max(consistent.as_ref().and_then(last));
        let did = match last {
            Some(at) if at >= since => return Ok(at),
            Some(at) => format!(
                "which the store did last at {}, before that request was asked at {}",
                words::seconds(at),
                words::seconds(since)
            ),
            None => "which the store never did".to_owned(),
        };
        Err(format!(
            "told its machine that the store answered its request to {} with \"{}\", {did}",
            words::request(request),
            reply_words(reply)
        ))
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::Seq;

    use super::*;

    #[test]
    fn a_reply_is_true_if_the_store_gave_it_to_that_node_since_it_was_asked() {
        let request = Request::ReadTail { partition: "p".parse().expect("an id") };
        let (old, new) = (Reply::Tail(Seq(1)), Reply::Tail(Seq(2)));
        let mut replies = Replies::default();
        replies.note(Millis(10), Node(0), &request, &old);
        replies.note(Millis(20), Node(0), &request, &new);
        let judge = |since: u64, node: u16, reply: &Reply<Live>| {
            replies.judge(Millis(since), Node(node), &request, reply)
        };
        assert_eq!(judge(5, 0, &old), Ok(Millis(10)));
        assert_eq!(judge(15, 0, &new), Ok(Millis(20)));
        let late = judge(15, 0, &old).expect_err("it is of an earlier request");
        assert!(
            late.contains("did last at 0.01 s, before that request was asked at 0.015 s"),
            "{late}"
        );
        let never = judge(5, 1, &new).expect_err("it is another node's");
        assert!(never.contains("which the store never did"), "{never}");
    }

    #[test]
    fn a_reply_that_is_given_again_is_true_again() {
        let request = Request::ReadTail { partition: "p".parse().expect("an id") };
        let reply = Reply::Tail(Seq(1));
        let mut replies = Replies::default();
        for at in [10, 30] {
            replies.note(Millis(at), Node(0), &request, &reply);
        }
        assert_eq!(replies.judge(Millis(20), Node(0), &request, &reply), Ok(Millis(30)));
        assert!(replies.judge(Millis(40), Node(0), &request, &reply).is_err());
    }
}
