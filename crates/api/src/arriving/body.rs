//! The body of a request, counted as it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::budget::{Budget, Share};
use super::fields::{Levels, MOST};
use super::messages::Messages;
use crate::error::Error;
use crate::metrics;

/// A body, and the room that its bytes take.
pub(super) struct Arriving {
    body: Body,
    messages: Messages,
    share: Share,
    budget: Arc<Budget>,
    jobs: Option<&'static str>,
}

impl Arriving {
    /// `jobs` is the field that has them, if the call submits any.
    pub(super) fn new(body: Body, budget: Arc<Budget>, jobs: Option<&'static str>) -> Self {
        // What is in the fields of other requests is text, and no message.
        let levels = if jobs.is_some() { Levels::Two } else { Levels::One };
        Self {
            body,
            messages: Messages::new(levels),
            share: Share::default(),
            budget,
            jobs,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (error, why) = if self.messages.pass(bytes).is_err() {
            let why = format!("more than {MOST} fields");
            let field = self.jobs.unwrap_or_default().to_owned();
            (Error::Malformed { field, why }, "validation")
        } else if self.share.cover(&self.budget, self.messages.largest()).is_err() {
            metrics::turned_away();
            (Error::TooManyBytes, "busy")
        } else {
            return Ok(());
        };
        if self.jobs.is_some() {
            metrics::refused(why);
        }
        Err(error)
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let frame = Pin::new(&mut this.body).poll_frame(context);
        let Poll::Ready(Some(Ok(come))) = &frame else {
            return frame;
        };
        if let Some(bytes) = come.data_ref()
            && let Err(error) = this.take(bytes)
        {
            return Poll::Ready(Some(Err(error.into())));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
