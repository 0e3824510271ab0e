//! The things that many cases need: containers of all kinds.

use serde_json::{Value, json};

use crate::probe::debris::Thing;
use crate::probe::step::{Step, text};
use crate::probe::world::Case;

/// Prints on both streams and goes on.
const TALKS: &str = "echo out; echo err >&2; sleep 1000";
/// Prints on both streams and ends with 3.
const ENDS: &str = "echo first; echo second >&2; echo third; exit 3";

impl Case<'_> {
    /// The body of a create request for a shell command, as the version writes it; `more` is laid over it.
    pub(super) fn recipe(&self, command: &str, more: &Value) -> Step<Value> {
        let mut recipe = json!({
            "Image": self.image()?, "Cmd": ["sh", "-c", command], "AttachStdout": true, "AttachStderr": true,
        });
        if self.since(18) {
            recipe["Labels"] = json!({ "plimsoll.probe": "1", "plimsoll.probe.run": self.plan.run });
        }
        if self.since(15) {
            recipe["HostConfig"] = json!({ "NetworkMode": "none" });
        } else if self.since(10) {
            recipe["NetworkDisabled"] = json!(true);
        }
        for (name, value) in more.as_object().into_iter().flatten() {
            match (value, recipe.get_mut(name)) {
                (Value::Object(inner), Some(Value::Object(before))) => before.extend(inner.clone()),
                _ => recipe[name] = value.clone(),
            }
        }
        Ok(recipe)
    }

    /// A created container, by its name.
    pub(super) async fn created(&mut self, command: &str, more: Value) -> Step<String> {
        let name = self.name("box");
        let recipe = self.recipe(command, &more)?;
        self.leaves(Thing::Container(name.clone()));
        let answer = self.post("/containers/create").query("name", &name).json(&recipe).gives(201).await;
        let answer = answer.map_err(|skip| skip.preparing("create a container"))?;
        // Before 1.6 nobody chose names; the id does as well.
        if self.since(6) {
            return Ok(name);
        }
        let id = text(&answer, "/Id")?;
        self.leaves(Thing::Container(id.clone()));
        Ok(id)
    }

    /// A started container.
    pub(super) async fn started(&mut self, command: &str, more: Value) -> Step<String> {
        let id = self.created(command, more).await?;
        self.start(&id).await?;
        Ok(id)
    }

    pub(super) async fn start(&mut self, id: &str) -> Step<()> {
        let started = self.post(format!("/containers/{id}/start")).gives_one_of(&[200, 204]).await;
        started.map(drop).map_err(|skip| skip.preparing("start the container"))
    }

    /// A container that runs, shared by the cases of a version; it has printed `out` and `err`, or soon will have.
    pub(super) async fn running(&mut self) -> Step<String> {
        let id = self.once("make a running container", async |c| c.created(TALKS, json!({})).await).await?;
        if !self.fixtures.running {
            self.start(&id).await?;
            self.fixtures.running = true;
        }
        Ok(id)
    }

    /// The shared container runs no more.
    pub(super) fn stopped(&mut self) {
        self.fixtures.running = false;
    }

    /// A container that has printed three lines on two streams and ended with 3; shared.
    pub(super) async fn exited(&mut self) -> Step<String> {
        self.once("make an exited container", async |c| {
            let id = c.started(ENDS, json!({})).await?;
            c.wait(&id).await?;
            Ok(id)
        })
        .await
    }

    /// A container with a TTY that has ended; shared.
    pub(super) async fn exited_tty(&mut self) -> Step<String> {
        self.once("make an exited container with a TTY", async |c| {
            let id = c.started(ENDS, json!({ "Tty": true })).await?;
            c.wait(&id).await?;
            Ok(id)
        })
        .await
    }

    pub(super) async fn wait(&mut self, id: &str) -> Step<()> {
        let ended = self.post(format!("/containers/{id}/wait")).gives(200).await;
        ended.map(drop).map_err(|skip| skip.preparing("wait for the container"))
    }

    /// Removes a container before the run is over.
    pub(super) async fn remove(&mut self, id: &str) -> Step<()> {
        let force = self.since(10);
        self.delete(format!("/containers/{id}")).query_if(force, "force", 1).gives(204).await?;
        self.plan.debris.forget(&Thing::Container(id.to_owned()));
        Ok(())
    }
}

/// A tar archive of files, each with its text.
pub(super) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1);
        header.set_cksum();
        // Writing to memory does not fail.
        let _ = builder.append_data(&mut header, path, content.as_bytes());
    }
    builder.into_inner().unwrap_or_default()
}
