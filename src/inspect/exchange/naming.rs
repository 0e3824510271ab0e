//! What an exchange is called in reports.

use std::sync::Arc;

use super::Exchange;
use crate::catalog::Operation;
use crate::model::Call;
use crate::wire::{Head, escaped};

/// What the head of a request says in reports; every exchange that repeats the head has the same.
#[derive(Debug, Clone)]
pub(in super::super) struct Names {
    method: Arc<str>,
    path: Arc<str>,
    client: Option<Arc<str>>,
}

impl Names {
    /// Of a request with this head, or of one whose head cannot be read.
    pub(in super::super) fn of(head: Option<&Head>) -> Self {
        let text = |bytes: &[u8]| Arc::from(String::from_utf8_lossy(bytes));
        let agent = head.and_then(|head| head.value("User-Agent")).filter(|agent| !agent.is_empty());
        Self {
            method: text(head.map_or(b"", |head| head.method())),
            path: text(head.map_or(b"", |head| head.target())),
            client: agent.map(|agent| escaped(agent, Call::CLIENT_LIMIT).into()),
        }
    }
}

impl Exchange {
    pub(in super::super) fn call(&mut self) -> Arc<Call> {
        let (head, names) = (self.head.as_ref(), &mut self.names);
        let (source, daemon) = (&self.source, &self.daemon);
        let call = self.call.get_or_insert_with(|| {
            let Names { method, path, client } = names.get_or_insert_with(|| Names::of(head)).clone();
            Arc::new(Call {
                source: source.clone(),
                line: self.line,
                daemon: daemon.clone(),
                connection: self.connection,
                exchange: self.number,
                operation: self.operation.map(Operation::shared_id),
                method,
                path,
                api_version: self.version,
                client,
            })
        });
        Arc::clone(call)
    }
}
