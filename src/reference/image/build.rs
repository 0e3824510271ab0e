//! `POST /build`: the classic builder.

mod args;
mod builder;
mod context;
mod copy;
mod dockerfile;
mod expand;
mod form;
mod line;
mod options;
mod run;
mod settings;
mod stage;
mod step;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::refusal::Refusal;
use super::progress::{self, Left, Progress};
use super::store::short;

use builder::{Builder, Stop};
use context::Context;
use dockerfile::{Kind, UNREAD};
use options::Options;
use settings::{Scope, apply};

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    // Before anything is refused: a client that still sends would not hear it.
    let body = call.body.read().await?;
    let options = Options::read(&call)?;
    let (name, now) = (options.dockerfile.clone(), engine.now());
    let media = if call.since(3) { String::new() } else { call.header("content-type").to_owned() };
    let context = tokio::task::spawn_blocking(move || match form::context(&body, &media, now) {
        Some(archive) => context::read(&archive, &name, now),
        None => context::read(&body, &name, now),
    });
    let context = context.await.map_err(|error| Refusal::server_error(error.to_string()))??;
    options.plan(&context.dockerfile)?;
    let (progress, documents) = Progress::new();
    let quiet = options.quiet;
    let engine = Arc::clone(engine);
    tokio::spawn(async move { build(&engine, &options, &context, &progress).await });
    let documents = if quiet { only_the_end(documents) } else { documents };
    if call.since(8) {
        return Ok(progress::answer(&call, documents));
    }
    Ok(progress::text(documents, None, |document| {
        let member = |name: &str| document.get(name).and_then(Value::as_str);
        let error = member("error").map(|error| format!("Error: {error}\n"));
        error.or_else(|| member("stream").map(str::to_owned)).or_else(|| member("status").map(|status| format!("{status}\n")))
    }))
}

async fn build(engine: &Arc<Engine>, options: &Options, context: &Context, progress: &Progress) {
    let built = Builder::new(engine, options, context, progress).build().await;
    // Nobody is there to hear it when the client has left.
    let _: Result<(), Left> = match built {
        Ok(id) => finish(engine, options, &id, progress).await,
        Err(Stop::Left) => Ok(()),
        Err(Stop::Failed(message, code)) => {
            let detail = code.map_or_else(|| json!({ "message": message }), |code| json!({ "code": code, "message": message }));
            progress.send(json!({ "errorDetail": detail, "error": message })).await
        }
    };
}

async fn finish(engine: &Engine, options: &Options, id: &str, progress: &Progress) -> Result<(), Left> {
    progress.send(json!({ "stream": format!("Successfully built {}\n", short(id)) })).await?;
    for name in &options.tags {
        engine.tag_image(&mut engine.state(), id, name);
        progress.send(json!({ "stream": format!("Successfully tagged {}\n", name.familiar()) })).await?;
    }
    if options.quiet {
        progress.send(json!({ "stream": format!("{id}\n") })).await?;
    }
    Ok(())
}

/// Only the last document, or everything if that is an error.
fn only_the_end(mut documents: mpsc::Receiver<Value>) -> mpsc::Receiver<Value> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut all = Vec::new();
        loop {
            tokio::select! {
                document = documents.recv() => match document {
                    Some(document) => all.push(document),
                    None => break,
                },
                // The builder notices that its own channel is gone.
                () = sender.closed() => return,
            }
        }
        let failed = all.last().is_some_and(|last| last.get("error").is_some());
        let from = if failed { 0 } else { all.len().saturating_sub(1) };
        for document in all.drain(from..) {
            if sender.send(document).await.is_err() {
                return;
            }
        }
    });
    receiver
}

/// Applies the `changes` of a commit or import: instructions that only change the configuration.
pub(super) fn change(settings: &mut Value, changes: &[String]) -> Result<(), Refusal> {
    let changes: Vec<&str> = changes.iter().map(String::as_str).filter(|change| !change.trim().is_empty()).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let parsed = dockerfile::parse_stage(&changes.join("\n")).map_err(|message| {
        // Without a Dockerfile there is no line in it, and a word that is none is no change.
        let message = message.strip_prefix(UNREAD).unwrap_or(&message);
        let after_line = message.split_once(": ").filter(|(before, _)| before.starts_with("dockerfile parse error"));
        let message = after_line.map_or(message, |(_, why)| why);
        Refusal::bad_parameter(
            message
                .strip_prefix("unknown instruction: ")
                .map_or_else(|| message.to_owned(), |word| format!("{} is not a valid change command", word.to_lowercase())),
        )
    })?;
    for instruction in &parsed.instructions {
        let env = Document(settings).texts("Env");
        let lookup = |name: &str| env.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        let scope = Scope { escape: parsed.escape, lookup: &lookup, command_set: false };
        let word = instruction.original.split_whitespace().next().unwrap_or_default().to_lowercase();
        let refused = || Refusal::bad_parameter(format!("{word} is not a valid change command"));
        if matches!(instruction.kind, Kind::Shell(_)) {
            return Err(refused());
        }
        apply(settings, &instruction.kind, &scope).map_err(Refusal::bad_parameter)?.ok_or_else(refused)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::config::empty;
    use super::*;

    #[test]
    fn changes_are_instructions() {
        let mut settings = empty();
        change(&mut settings, &["ENV A=1".to_owned(), "CMD [\"a\"]".to_owned(), "LABEL x=$A".to_owned()]).expect("changed");
        assert_eq!((&settings["Env"], &settings["Cmd"], &settings["Labels"]), (&json!(["A=1"]), &json!(["a"]), &json!({ "x": "1" })));
        for (text, message) in [
            ("RUN x", "run is not a valid change command"),
            ("FROM x", "from is not a valid change command"),
            ("FOO x", "foo is not a valid change command"),
            ("ENV x", "ENV must have two arguments"),
        ] {
            let refused = change(&mut empty(), &[text.to_owned()]).map_err(|refusal| refusal.message);
            assert_eq!(refused, Err(message.to_owned()), "{text}");
        }
    }
}
