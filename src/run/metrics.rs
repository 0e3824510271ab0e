//! `--metrics`: the counts of a running proxy, for Prometheus to ask for.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use crate::error::Error;
use crate::model::Side;
use crate::proxy::{Address, Listener, Listening, Purpose, Stream, Tap};
use crate::report::{Metrics, Passing};

use super::session::Session;
use super::signals::announce;

/// So many may ask at once.
const CONNECTIONS: usize = 64;

/// The server; it ends when this is dropped.
pub(super) struct Serving {
    _task: JoinSet<()>,
}

/// Counts from here on, and answers on `address`.
pub(super) async fn serve(address: &Address, remote: bool, session: &Session, tap: &Tap) -> Result<Serving, Error> {
    let listener = Listener::bind_as(address, &Listening { remote, tls: None, purpose: Purpose::Counts }).await?;
    let traffic = tap.traffic();
    let metrics = Metrics::new(move || Passing {
        accepted: traffic.accepted(),
        open: traffic.open(),
        from_clients: traffic.bytes(Side::Client),
        from_daemons: traffic.bytes(Side::Daemon),
        judging: traffic.judging().as_secs_f64(),
    });
    session.also(Box::new(metrics.clone()));
    announce(&format!("metrics on {}", listener.address()));
    let mut task = JoinSet::new();
    task.spawn(accept(listener, Arc::new(metrics)));
    Ok(Serving { _task: task })
}

async fn accept(listener: Listener, metrics: Arc<Metrics>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok(Stream::Unix(stream)) => drop(connections.spawn(connection(stream, Arc::clone(&metrics)))),
                Ok(Stream::Tcp(stream)) => drop(connections.spawn(connection(stream, Arc::clone(&metrics)))),
                Ok(Stream::Tls(stream)) => drop(connections.spawn(connection(stream, Arc::clone(&metrics)))),
                // Out of file descriptors, or a client that left again: the next one may do.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, metrics: Arc<Metrics>) {
    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&request, &metrics))));
    // What becomes of one who asks is their affair.
    let _ = hyper::server::conn::http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<String> {
    let (status, media, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", metrics.text()),
        (&Method::GET, _) => (StatusCode::NOT_FOUND, "text/plain", "the counts are at /metrics\n".to_owned()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET /metrics\n".to_owned()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(media));
    response
}
