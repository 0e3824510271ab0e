//! HTTP of the reference backend: hyper, and the way out of it for hijacks.
//!
//! hyper's server hands a connection over only after a 101, and Docker hijacks with a bare `200 OK` as well. So the service of a hijack never answers:
//! it leaves what is to happen in the [`Handover`] and waits for ever, and the connection is taken apart under it.

mod handover;
mod route;
mod write;

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Parts};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;

use super::Engine;
use super::answer::{Duplex, Socket};
use super::call::Call;
use super::dispatch;

use handover::{Guarded, Handover, Rewound};
use route::{Route, route};
use write::Written;

pub(super) use write::Body;

/// Between the head of a hijack and what follows it. A process of a real daemon takes at least as long to start, and there are clients (docker-py) that
/// lose what comes in one piece with the head.
const BREATH: Duration = Duration::from_millis(20);

type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Serves one connection until it ends. Whatever a client sends, it ends nothing but its own connection.
pub async fn connection<S>(stream: S, engine: Arc<Engine>)
where
    S: Duplex + Unpin + 'static,
{
    let handover = Arc::new(Handover::default());
    let service = {
        let handover = Arc::clone(&handover);
        service_fn(move |request| reply(request, Arc::clone(&engine), Arc::clone(&handover)))
    };
    let guarded = Guarded::new(stream, Arc::clone(&handover));
    let mut builder = Builder::new();
    // Where half of a connection is closed, a hijack goes on; dockerd takes the rest for a client that left.
    builder.half_close(false).title_case_headers(true).pipeline_flush(true).auto_date_header(false).max_headers(1000).max_buf_size(1 << 20);
    let mut connection = builder.serve_connection(TokioIo::new(guarded), service);
    let ended = poll_fn(|context| {
        let polled = connection.poll_without_shutdown(context);
        if handover.is_due() { Poll::Ready(None) } else { polled.map(Some) }
    })
    .await;
    let Parts { io, read_buf, .. } = connection.into_parts();
    let mut stream = io.into_inner().into_inner();
    let Some((head, conversation)) = handover.take() else {
        if ended.is_some_and(|ended| ended.is_ok()) {
            // The client has gone already: nothing to say goodbye to.
            let _ = stream.shutdown().await;
        }
        return;
    };
    if stream.write_all(&head).await.is_err() || stream.flush().await.is_err() {
        return;
    }
    if let Some(conversation) = conversation {
        if !head.is_empty() {
            tokio::time::sleep(BREATH).await;
        }
        let socket: Socket = Box::pin(Rewound::new(read_buf, stream));
        conversation(socket).await;
    } else {
        let _ = stream.shutdown().await;
    }
}

/// Answers a request, or leaves the connection to its hijack.
fn reply(request: Request<Incoming>, engine: Arc<Engine>, handover: Arc<Handover>) -> Reply {
    let (parts, body) = request.into_parts();
    let route = route(&engine, &parts.method, &parts.uri);
    // Before hyper looks at the socket again: the end of the client's sending is no end of an attach.
    if let Route::Operation { operation, .. } = &route {
        handover.defer_end(write::may_hijack(operation));
    }
    Box::pin(async move {
        let mut writer = write::Writer::new(&engine, &parts);
        let written = match route {
            Route::Written(Written::Http(response)) => Written::Http(writer.finish(response)),
            Route::Written(raw @ Written::Raw { .. }) => raw,
            Route::Operation { operation, version, name, query } => {
                let call = Call { operation, version, name, query, headers: parts.headers.clone(), body: super::call::Body::wire(body) };
                let answered = dispatch::answer(&engine, call).await;
                writer.misbehave(operation);
                match writer.write(operation, version, answered) {
                    Written::Http(response) => writer.spoil(operation, version, writer.finish(response)),
                    raw @ Written::Raw { .. } => raw,
                }
            }
        };
        match written {
            Written::Http(response) => {
                handover.defer_end(false);
                Ok(response)
            }
            Written::Raw { head, conversation } => {
                handover.leave(head, conversation);
                pending().await
            }
        }
    })
}
