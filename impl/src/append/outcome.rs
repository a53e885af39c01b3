//! What became of a group, for each of its events.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::lock::Mutex as AsyncMutex;
use gapless_model::append::Answer;

use super::single::{AppendError, PendingAppend, Receipt};
use crate::stream::Stream;
use crate::vocabulary::StoreError;

/// What became of one event of a group.
pub(super) type GroupResult = Result<Receipt, GroupError>;

/// Why a grouped append has no receipt. All appends of a group share the reason.
///
/// If [`GroupError::is_unsettled`], the store did not answer for as long as patience lasted, or refused
/// an attempt after one that it had not answered: the event may be in the log, or get there.
/// [`GroupError::settle`] finishes the group's append without appending anything twice; appending the
/// event anew can append it twice.
#[derive(Clone, Debug)]
pub struct GroupError {
    reason: Arc<AppendError>,
    open: Option<OpenAppend>,
}

/// A group's append whose outcome is unknown, for one of its events.
#[derive(Clone, Debug)]
struct OpenAppend {
    stream: Stream,
    /// The events of the group share it. Whoever settles goes on with it.
    group: Arc<OpenGroup>,
    /// Which event of the group it is.
    index: u32,
}

#[derive(Debug)]
struct OpenGroup {
    /// How often it was gone on with in vain.
    failures: AtomicU64,
    settling: AsyncMutex<Settling>,
}

#[derive(Debug)]
enum Settling {
    /// With the reason why it is still open.
    Open(PendingAppend, Arc<AppendError>),
    Ended(Result<Receipt, Arc<AppendError>>),
}

impl GroupError {
    /// Returns the group's reason.
    #[must_use]
    pub fn reason(&self) -> &AppendError {
        &self.reason
    }

    /// Returns whether the outcome is unknown, and [`GroupError::settle`] can settle it.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.open.is_some()
    }

    /// Goes on with the group's append if its outcome is unknown, and returns the event's receipt.
    /// It recognises what it wrote before. Each event of the group has an error of its own: the
    /// first that is settled sends the requests, and those that wait for it get to know what came of
    /// them, so all together take no longer than one.
    ///
    /// Dropping the future leaves the outcome unknown; another error of the group, or a clone, can
    /// still be settled.
    ///
    /// # Errors
    /// Returns the error itself if its outcome is known, and otherwise the errors of
    /// [`Stream::append`]. If the store did not answer again, the outcome stays unknown, and the error
    /// can be settled later; likewise if it refused after an attempt that it had not answered.
    pub async fn settle(self) -> Result<Receipt, GroupError> {
        let Some(open) = self.open else { return Err(self) };
        let failures = open.group.failures.load(Ordering::SeqCst);
        let mut settling = open.group.settling.lock().await;
        if let Settling::Open(append, why) = &mut *settling
            && open.group.failures.load(Ordering::SeqCst) == failures
        {
            match append.advance(&open.stream.0).await {
                Ok(answer) => {
                    let ended = append.receipt(answer).map_err(Arc::new);
                    *settling = Settling::Ended(ended);
                }
                // S2: an earlier attempt may have been applied, and be so later.
                Err(error) if append.is_open(&error) => {
                    *why = Arc::new(error.into());
                    open.group.failures.fetch_add(1, Ordering::SeqCst);
                }
                Err(refused) => *settling = Settling::Ended(Err(Arc::new(refused.into()))),
            }
        }
        let ended = match &*settling {
            Settling::Ended(ended) => ended.clone(),
            Settling::Open(_, why) => {
                let reason = Arc::clone(why);
                drop(settling);
                return Err(GroupError { reason, open: Some(open) });
            }
        };
        ended.map(|whole| whole.of_one(open.index)).map_err(GroupError::ended)
    }

    /// A group that has ended without a receipt.
    fn ended(reason: Arc<AppendError>) -> GroupError {
        GroupError { reason, open: None }
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.open {
            Some(_) => {
                write!(
                    f,
                    "the append's outcome is unknown, and it can still be settled: {}",
                    self.reason
                )
            }
            None => self.reason.fmt(f),
        }
    }
}

impl std::error::Error for GroupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.reason.source()
    }
}

impl From<AppendError> for GroupError {
    fn from(error: AppendError) -> GroupError {
        GroupError::ended(Arc::new(error))
    }
}

/// What became of a whole group.
pub(super) struct Outcome(GroupResult);

impl Outcome {
    /// What became of a group's append, as far as the store answered.
    pub(super) fn new(
        stream: &Stream,
        append: PendingAppend,
        advanced: Result<Answer, StoreError>,
    ) -> Outcome {
        Outcome(match advanced {
            Ok(answer) => append.receipt(answer).map_err(GroupError::from),
            Err(why) if append.is_open(&why) => {
                let reason = Arc::new(AppendError::Store(why));
                let settling = AsyncMutex::new(Settling::Open(append, Arc::clone(&reason)));
                let group = Arc::new(OpenGroup { failures: AtomicU64::new(0), settling });
                let open = Some(OpenAppend { stream: stream.clone(), group, index: 0 });
                Err(GroupError { reason, open })
            }
            Err(refused) => Err(AppendError::Store(refused).into()),
        })
    }

    /// What became of each event, in their order.
    pub(super) fn of_each(self) -> impl Iterator<Item = GroupResult> {
        (0..).map(move |index| self.of_event(index))
    }

    fn of_event(&self, index: u32) -> GroupResult {
        match &self.0 {
            Ok(whole) => Ok(whole.of_one(index)),
            Err(error) => {
                let open = error.open.clone().map(|open| OpenAppend { index, ..open });
                Err(GroupError { reason: Arc::clone(&error.reason), open })
            }
        }
    }
}
