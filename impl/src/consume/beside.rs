//! What goes on beside a turn's requests: the handler, and the read of the next page.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gapless_model::store::Reply;
use gapless_model::{Page, Seen, Seq};

use super::handler::{Fence, HandlerError};
use crate::vocabulary::{Live, Slots, StoreError};

/// What became of a delivery.
pub(super) enum Handled {
    /// The handler finished it.
    Finished,
    /// The handler failed.
    Failed(HandlerError),
    /// The pause after a failure is over.
    Rested,
}

type Reading<'a> = BoxFuture<'a, Result<Reply<Live>, StoreError>>;

/// The handler at work, and the page that is read meanwhile.
#[derive(Default)]
pub(super) struct Beside<'a> {
    handling: Option<(Fence, BoxFuture<'a, Handled>)>,
    handled: Option<(Fence, Handled)>,
    /// The page behind the delivery, while it is read.
    reading: Option<(Seq, Reading<'a>)>,
    /// That page, once it is read.
    page: Option<(Seq, Slots)>,
}

impl<'a> Beside<'a> {
    /// Begins to handle a delivery, or to rest after a failure.
    pub(super) fn handle(&mut self, fence: Fence, handling: BoxFuture<'a, Handled>) {
        self.handling = Some((fence, handling));
    }

    /// Whether a delivery is in hand.
    pub(super) fn is_handling(&self) -> bool {
        self.handling.is_some()
    }

    /// What became of the delivery, once.
    pub(super) fn take_handled(&mut self) -> Option<(Fence, Handled)> {
        self.handled.take()
    }

    /// Begins to read the page after a slot.
    pub(super) fn read(&mut self, after: Seq, reading: Reading<'a>) {
        (self.reading, self.page) = (Some((after, reading)), None);
    }

    /// Whether the page after a slot is being read.
    pub(super) fn is_reading(&self, after: Seq) -> bool {
        self.reading.as_ref().is_some_and(|(wanted, _)| *wanted == after)
    }

    /// Abandons the read that is under way.
    pub(super) fn stop_reading(&mut self) {
        self.reading = None;
    }

    /// Waits until nothing is being read, while the handler goes on.
    pub(super) async fn page_read(&mut self) {
        poll_fn(|context| {
            let _ = self.poll(context);
            if self.reading.is_none() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Lets the handler and the read ahead go on. Ready when the handler has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some((after, reading)) = &mut self.reading
            && let Poll::Ready(answer) = reading.poll_unpin(context)
        {
            self.page = match answer {
                Ok(Reply::Page(page)) => Some((*after, page)),
                // It is read again when it is wanted, and what is wrong shows then.
                Ok(_) | Err(_) => None,
            };
            self.reading = None;
        }
        if let Some((fence, handling)) = &mut self.handling
            && let Poll::Ready(handled) = handling.poll_unpin(context)
        {
            self.handled = Some((*fence, handled));
            self.handling = None;
        }
        if self.handled.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Awaits something else while the handler goes on.
    pub(super) async fn during<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        poll_fn(|context| {
            let _ = self.poll(context);
            other.as_mut().poll(context)
        })
        .await
    }

    /// Awaits something else, or the handler, whichever is first.
    pub(super) async fn until(&mut self, other: impl Future<Output = ()>) {
        let mut other = pin!(other);
        poll_fn(|context| match self.poll(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => other.as_mut().poll(context),
        })
        .await;
    }

    /// The page that was read ahead after a slot, if it can stand for a read now.
    pub(super) fn take_page(&mut self, slot: Seq) -> Option<Slots> {
        let (after, page) = self.page.take()?;
        // What it shows stays true (S1). What it does not show may be there by now.
        // P1: a page that ends at a tail or a gap is read anew.
        (after == slot && page.seen(slot.next()) != Seen::Nothing).then_some(page)
    }
}
