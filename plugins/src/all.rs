//! Several conversations at once on one thread.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// A future under way, or its output.
enum Either<F: Future> {
    Running(Pin<Box<F>>),
    Done(F::Output),
}

/// Drives all `futures` and gives their outputs in the same order.
pub(crate) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F::Output: Unpin,
{
    let running = futures
        .into_iter()
        .map(|future| Either::Running(Box::pin(future)));
    let mut all: Vec<Either<F>> = running.collect();
    poll_fn(|context| {
        let mut pending = false;
        for one in &mut all {
            if let Either::Running(future) = one {
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => *one = Either::Done(output),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    let outputs = all.into_iter().filter_map(|one| match one {
        Either::Done(output) => Some(output),
        Either::Running(_) => None,
    });
    outputs.collect()
}
