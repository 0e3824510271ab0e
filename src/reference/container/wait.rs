//! `POST /containers/{id}/wait`.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::reference::Engine;
use crate::reference::answer::{Answer, Payload};
use crate::reference::call::Call;
use crate::reference::refusal::Refusal;

/// Answers the operation. From 1.30 on the head comes at once and the document when the wait is over.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    let condition = if call.since(30) { call.query.text("condition") } else { "" };
    let over = {
        let mut state = engine.state();
        let container = state.containers.find_mut(&call.name)?;
        let life = &mut container.life;
        match condition {
            "next-exit" => Waiting::For(life.next_exit()),
            "removed" => Waiting::For(life.removal()),
            "" | "not-running" => {
                if life.is_running() {
                    Waiting::For(life.next_exit())
                } else {
                    Waiting::Over(life.exit_code)
                }
            }
            _ => return Err(Refusal::bad_parameter(format!("invalid condition: \"{condition}\""))),
        }
    };
    if !call.since(30) {
        return Ok(Answer::json(outcome(over.end().await)));
    }
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            code = over.end() => drop(sender.send(outcome(code)).await),
            () = sender.closed() => {}
        }
    });
    Ok(Answer::new(200, Payload::Documents("\n", receiver)))
}

enum Waiting {
    Over(i64),
    For(oneshot::Receiver<i64>),
}

impl Waiting {
    async fn end(self) -> i64 {
        match self {
            Self::Over(code) => code,
            // The daemon goes: nobody knows.
            Self::For(receiver) => receiver.await.unwrap_or(-1),
        }
    }
}

fn outcome(code: i64) -> Value {
    json!({ "StatusCode": code, "Error": null })
}
