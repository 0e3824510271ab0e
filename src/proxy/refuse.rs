//! What a client gets when the daemon cannot be reached: a 502 in the daemon's own error format, not a cut connection.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A client that does not send its request within this time is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads the request as far as it has come, and answers.
pub(super) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(client: &mut S, message: &str) {
    let body = serde_json::json!({ "message": format!("plimsoll: {message}") }).to_string();
    let head = format!(
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len() + 1
    );
    let talk = async {
        let mut seen = Vec::new();
        while !seen.windows(4).any(|window| window == b"\r\n\r\n") && seen.len() < 64 << 10 {
            if client.read_buf(&mut seen).await? == 0 {
                break;
            }
        }
        client.write_all(format!("{head}{body}\n").as_bytes()).await?;
        client.shutdown().await?;
        // Closing with unread bytes would reset the connection before the client has read the answer.
        tokio::io::copy(client, &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout(PATIENCE, talk).await;
}
