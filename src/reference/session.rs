//! `POST /session` and `POST /grpc`: the connection becomes HTTP/2, on which the reference backend has nothing to say.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Engine;
use super::answer::{Answer, Handshake, Socket};
use super::call::Call;
use super::refusal::Refusal;

/// What the client of an HTTP/2 connection says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A frame of settings without any: what either side says before all else.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

/// Answers the operations of this part.
#[expect(clippy::unused_async, reason = "every part answers in the same way")]
pub(super) async fn answer(_engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    let session = call.operation.id() == "Session";
    let asked = call.header("upgrade");
    if asked != "h2c" {
        let message = if asked.is_empty() { "no upgrade proto in request".to_owned() } else { format!("protocol {asked} not supported") };
        return Err(if session { Refusal::bad_parameter(message) } else { Refusal::server_error(message) });
    }
    // On a session the daemon is HTTP/2's client and begins; else it answers the client's beginning.
    let opening = if session { [PREFACE, &SETTINGS].concat() } else { SETTINGS.to_vec() };
    Ok(Answer::hijack(Handshake::H2c, move |socket| listen(socket, opening)))
}

/// Says the opening and listens until the client leaves.
async fn listen(mut socket: Socket, opening: Vec<u8>) {
    if socket.write_all(&opening).await.is_err() || socket.flush().await.is_err() {
        return;
    }
    let mut sink = [0; 4096];
    while let Ok(1..) = socket.read(&mut sink).await {}
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::header::HeaderValue;

    use super::super::Settings;
    use super::super::answer::Payload;
    use super::super::call::{Body, Query};
    use super::*;
    use crate::catalog::Catalog;
    use crate::model::ApiVersion;

    #[tokio::test]
    async fn only_h2c_is_spoken() {
        let engine = Engine::new(Settings::default());
        for (id, upgrade, expected) in [
            ("Session", "", Err((400, "no upgrade proto in request"))),
            ("Session", "tcp", Err((400, "protocol tcp not supported"))),
            ("Session", "h2c", Ok(())),
            ("Grpc", "", Err((500, "no upgrade proto in request"))),
            ("Grpc", "h2c", Ok(())),
        ] {
            let operation = Catalog::builtin().operation(id).expect("an operation");
            let mut headers = hyper::HeaderMap::new();
            if !upgrade.is_empty() {
                headers.insert("upgrade", HeaderValue::from_static(upgrade));
            }
            let (version, query, body) = (ApiVersion::new(41), Query::default(), Body::memory(Bytes::new()));
            let call = Call { operation, version, name: String::new(), query, headers, body };
            let answered = answer(&engine, call).await;
            let expected = expected.map_err(|(status, message)| Refusal::new(status, message));
            assert_eq!(answered.map(|answer| assert!(matches!(answer.payload, Payload::Hijack(_)))), expected, "{id} {upgrade}");
        }
    }

    #[tokio::test]
    async fn a_session_begins_with_the_preface_and_ends_with_the_client() {
        let (mut client, server) = tokio::io::duplex(256);
        let opening = [PREFACE, &SETTINGS].concat();
        let listening = tokio::spawn(listen(Box::pin(server), opening.clone()));
        let mut seen = vec![0; opening.len()];
        client.read_exact(&mut seen).await.expect("the preface");
        assert_eq!(seen, opening);
        drop(client);
        listening.await.expect("the end");
    }
}
