use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::{Value, json};

use super::super::Settings;
use super::super::answer::Payload;
use super::super::call::{Body, Query};
use super::*;
use crate::catalog::Catalog;
use crate::model::ApiVersion;

/// What a call gave: the status, and the documents or the text of the answer.
struct Given {
    status: u16,
    documents: Vec<Value>,
    bytes: Vec<u8>,
}

impl Given {
    /// The texts of the stream, joined.
    fn told(&self) -> String {
        let text = |document: &Value| {
            let member = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
            member("stream").or_else(|| member("status").map(|status| format!("{status}\n"))).or_else(|| member("error"))
        };
        self.documents.iter().filter_map(text).collect()
    }
}

async fn ask(engine: &Arc<Engine>, operation: &str, minor: u16, name: &str, query: &str, body: impl Into<Bytes>) -> Given {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().expect("a header"));
    headers.insert("x-registry-auth", "e30=".parse().expect("a header"));
    let operation = Catalog::builtin().operation(operation).expect("an operation");
    let (version, query, body) = (ApiVersion::new(minor), Query::parse(query), Body::memory(body.into()));
    let call = Call { operation, version, name: name.to_owned(), query, headers, body };
    let mut given = Given { status: 0, documents: Vec::new(), bytes: Vec::new() };
    match answer(engine, call).await {
        Err(refusal) => {
            given.status = refusal.status;
            given.documents.push(json!({ "error": refusal.message }));
        }
        Ok(answer) => {
            given.status = answer.status;
            match answer.payload {
                Payload::Json(value) => given.documents.push(value),
                Payload::Text(text) => given.bytes = text.into_bytes(),
                Payload::Documents(_, mut documents) => {
                    while let Some(document) = documents.recv().await {
                        given.documents.push(document);
                    }
                }
                Payload::Stream(_, mut chunks) => {
                    while let Some(chunk) = chunks.recv().await {
                        given.bytes.extend(chunk);
                    }
                }
                _ => {}
            }
        }
    }
    given
}

fn fresh() -> Arc<Engine> {
    Engine::new(Settings { seed: Some(1), ..Settings::default() })
}

fn context(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tree = Files::new();
    for (path, content) in files {
        tree.write(path, (*content).to_owned().into(), 0o644, Timestamp::UNIX_EPOCH).expect("a file");
    }
    tree.export_all()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn a_pull_is_listed_tagged_and_deleted() {
    runtime().block_on(async {
        let engine = fresh();
        let pulled = ask(&engine, "ImageCreate", 41, "", "fromImage=busybox&tag=latest", "").await;
        assert!(pulled.told().ends_with("Status: Downloaded newer image for busybox:latest\n"), "{}", pulled.told());
        let again = ask(&engine, "ImageCreate", 41, "", "fromImage=docker.io/library/busybox:latest", "").await;
        assert!(again.told().ends_with("Status: Image is up to date for busybox:latest\n"), "{}", again.told());
        assert_eq!(ask(&engine, "ImageTag", 41, "busybox", "repo=me/x&tag=1", "").await.status, 201);
        let listed = ask(&engine, "ImageList", 41, "", "", "").await;
        assert_eq!(listed.documents[0][0]["RepoTags"], json!(["busybox:latest", "me/x:1"]));
        let old = ask(&engine, "ImageList", 6, "", "", "").await;
        assert_eq!(old.documents[0].as_array().map(Vec::len), Some(2));
        let id = listed.documents[0][0]["Id"].as_str().unwrap_or_default().to_owned();
        for (name, query, status, expected) in [
            (
                short_of(&id),
                "",
                409,
                format!("conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories", short_of(&id)),
            ),
            ("nope".to_owned(), "", 404, "No such image: nope:latest".to_owned()),
            ("A".to_owned(), "", 400, "invalid reference format: repository name must be lowercase".to_owned()),
        ] {
            let refused = ask(&engine, "ImageDelete", 41, &name, query, "").await;
            assert_eq!((refused.status, refused.told()), (status, expected));
        }
        let untagged = ask(&engine, "ImageDelete", 41, "me/x:1", "", "").await;
        assert_eq!(untagged.documents[0], json!([{ "Untagged": "me/x:1" }]));
        let deleted = ask(&engine, "ImageDelete", 41, &short_of(&id), "", "").await;
        assert_eq!(deleted.documents[0].as_array().map(Vec::len), Some(4));
        assert_eq!(ask(&engine, "ImageList", 41, "", "all=1", "").await.documents[0], json!([]));
    });
}

fn short_of(id: &str) -> String {
    store::short(id).to_owned()
}

#[test]
fn filters_choose() {
    runtime().block_on(async {
        let engine = fresh();
        for image in ["busybox:latest", "busybox:1.35", "alpine:3.10"] {
            ask(&engine, "ImageCreate", 41, "", &format!("fromImage={image}"), "").await;
        }
        ask(&engine, "ImageBuild", 41, "", "labels={\"a\":\"b\"}", context(&[("/Dockerfile", "FROM busybox\nENV a=b")])).await;
        for (query, count) in [
            ("", 4),
            ("all=1", 5),
            ("filters={\"dangling\":[\"true\"]}", 1),
            ("filters={\"dangling\":[\"false\"]}", 3),
            ("filters={\"label\":[\"a=b\"]}", 1),
            ("filters={\"reference\":[\"busybox\"]}", 2),
            ("filters={\"reference\":[\"busybox:1*\",\"alp*\"]}", 2),
            ("filters={\"since\":[\"alpine:3.10\"]}", 1),
            ("filters={\"until\":[\"2020-01-01\"]}", 0),
            ("filter=busybox", 4),
        ] {
            let listed = ask(&engine, "ImageList", 41, "", query, "").await;
            assert_eq!(listed.documents[0].as_array().map(Vec::len), Some(count), "{query}");
        }
        let old = ask(&engine, "ImageList", 40, "", "filter=busybox", "").await;
        assert_eq!(old.documents[0].as_array().map(Vec::len), Some(2));
        for (query, status) in
            [("filters={\"nope\":[\"1\"]}", 400), ("filters={\"dangling\":[\"x\"]}", 400), ("filters={\"before\":[\"nope\"]}", 404)]
        {
            assert_eq!(ask(&engine, "ImageList", 41, "", query, "").await.status, status, "{query}");
        }
    });
}

#[test]
fn what_is_saved_is_loaded_with_its_id() {
    runtime().block_on(async {
        let engine = fresh();
        let context = context(&[("/Dockerfile", "FROM busybox\nCOPY x /x\nCMD [\"x\"]"), ("/x", "content")]);
        let built = ask(&engine, "ImageBuild", 41, "", "t=a:1&t=b/c:2", context).await;
        assert!(built.told().ends_with("Successfully tagged a:1\nSuccessfully tagged b/c:2\n"), "{}", built.told());
        let id = engine.state().images.find("a:1").expect("an image").id.clone();
        let saved = ask(&engine, "ImageGetAll", 41, "", "names=a:1&names=b/c", "").await.bytes;
        let other = fresh();
        let loaded = ask(&other, "ImageLoad", 41, "", "quiet=0", saved).await;
        assert!(loaded.told().ends_with("Loaded image: a:1\nLoaded image: b/c:2\n"), "{}", loaded.told());
        let image = other.state().images.find("b/c:2").expect("an image");
        assert_eq!((image.id.as_str(), image.files.read("/x").as_deref()), (id.as_str(), Ok(b"content".as_slice())));
        assert!(image.files.exists("/bin/sh"));
        for (body, error) in [
            (b"garbage".to_vec(), "Error processing tar file(exit status 1): unexpected EOF"),
            (b"garbage!".repeat(256), "Error processing tar file(exit status 1): archive/tar: invalid tar header"),
            (Vec::new(), "open /var/lib/docker/tmp/docker-import/repositories: no such file or directory"),
        ] {
            let refused = ask(&other, "ImageLoad", 41, "", "", body).await;
            assert_eq!((refused.status, refused.told().as_str()), (200, error));
        }
        let missing = ask(&engine, "ImageGet", 41, "nope", "", "").await;
        assert_eq!((missing.status, missing.told().as_str()), (404, "No such image: nope"));
    });
}

#[test]
fn a_build_tells_its_steps_and_finds_them_again() {
    runtime().block_on(async {
        let engine = fresh();
        let dockerfile = "ARG V=latest\nFROM busybox:$V AS one\nRUN echo made > /made\nFROM scratch\nCOPY --from=one /made /\nLABEL a=$V\n";
        let body = context(&[("/Dockerfile", dockerfile)]);
        let first = ask(&engine, "ImageBuild", 41, "", "t=x&rm=1", body.clone()).await;
        let told = first.told();
        for part in [
            "Step 1/6 : ARG V=latest\n",
            "Step 3/6 : RUN echo made > /made\n ---> Running in ",
            "Removing intermediate container ",
            "Successfully tagged x:latest\n",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        assert_eq!(first.documents.iter().filter(|document| document.get("aux").is_some()).count(), 2);
        let image = engine.state().images.find("x").expect("an image");
        assert_eq!(image.files.read("/made").as_deref(), Ok(b"made\n".as_slice()));
        assert_eq!(image.config["Labels"], json!({ "a": "" }));
        let second = ask(&engine, "ImageBuild", 29, "", "t=x", body.clone()).await;
        assert_eq!(second.told().matches(" ---> Using cache\n").count(), 3, "{}", second.told());
        assert!(second.documents.iter().all(|document| document.get("aux").is_none()));
        let third = ask(&engine, "ImageBuild", 41, "", "nocache=1&q=1", body.clone()).await;
        assert!(third.documents.len() == 1 && third.told().starts_with("sha256:"), "{}", third.told());
        let old = ask(&engine, "ImageBuild", 5, "", "", body).await;
        assert!(String::from_utf8_lossy(&old.bytes).starts_with("Step 1/6 : ARG V=latest\n"));
    });
}

#[test]
fn builds_fail_in_dockerds_words() {
    runtime().block_on(async {
        let engine = fresh();
        for (dockerfile, query, status, error) in [
            ("FOO", "", 400, "dockerfile parse error line 1: unknown instruction: FOO"),
            ("FROM busybox", "target=nope", 400, "failed to reach build target nope in Dockerfile"),
            ("FROM busybox", "t=A", 400, "invalid reference format: repository name must be lowercase"),
            ("FROM busybox", "version=2", 400, "buildkit is only supported with experimental mode"),
            ("FROM busybox", "buildargs=x", 400, "error reading build args: invalid character 'x' looking for beginning of value"),
            ("FROM busybox\nRUN exit 3", "", 200, "The command '/bin/sh -c exit 3' returned a non-zero code: 3"),
            ("FROM busybox\nCOPY nope /", "", 200, "COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist"),
            ("FROM busybox\nCOPY --from=3 a /", "", 200, "invalid from flag value 3: index out of bounds"),
            ("FROM busybox\nRUN --mount=type=tmpfs y", "", 200, "the --mount option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled"),
            ("FROM busybox:nope", "", 200, "manifest for busybox:nope not found: manifest unknown: manifest unknown"),
            ("FROM scratch", "", 200, "No image was generated. Is your Dockerfile empty?"),
            ("FROM $X", "", 200, "base name ($X) should not be blank"),
        ] {
            let failed = ask(&engine, "ImageBuild", 41, "", query, context(&[("/Dockerfile", dockerfile)])).await;
            let last = failed.documents.last().and_then(|last| last["error"].as_str()).unwrap_or_default();
            assert_eq!((failed.status, last), (status, error), "{dockerfile}");
        }
        let failed = ask(&engine, "ImageBuild", 41, "", "", context(&[("/Dockerfile", "FROM busybox\nRUN false")])).await;
        assert_eq!(failed.documents.last().map(|last| &last["errorDetail"]["code"]), Some(&json!(1)));
    });
}

#[test]
fn a_build_ends_when_the_client_leaves() {
    runtime().block_on(async {
        let engine = fresh();
        let (_, mut events) = engine.state().events.listen();
        let operation = Catalog::builtin().operation("ImageBuild").expect("an operation");
        let body = Body::memory(context(&[("/Dockerfile", "FROM busybox\nRUN sleep 1000")]).into());
        let (query, headers) = (Query::default(), HeaderMap::new());
        let call = Call { operation, version: ApiVersion::new(41), name: String::new(), query, headers, body };
        let Payload::Documents(_, mut documents) = answer(&engine, call).await.expect("an answer").payload else { panic!("no stream") };
        while let Some(document) = documents.recv().await {
            if document["stream"].as_str().is_some_and(|text| text.contains("Running in")) {
                break;
            }
        }
        drop(documents);
        let destroyed = async {
            while let Ok(event) = events.recv().await {
                if event.action == "destroy" {
                    return;
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), destroyed).await.expect("the container is removed");
    });
}

#[test]
fn triggers_run_in_the_next_build() {
    runtime().block_on(async {
        let engine = fresh();
        let base = context(&[("/Dockerfile", "FROM busybox\nONBUILD COPY x /x\nONBUILD ENV T=1")]);
        ask(&engine, "ImageBuild", 41, "", "t=base", base).await;
        let built = ask(&engine, "ImageBuild", 41, "", "t=top", context(&[("/Dockerfile", "FROM base"), ("/x", "1")])).await;
        assert!(built.told().contains("# Executing 2 build triggers\n"), "{}", built.told());
        let top = engine.state().images.find("top").expect("an image");
        assert!(top.files.exists("/x"));
        assert_eq!(top.config["OnBuild"], Value::Null);
    });
}

#[test]
fn what_is_pushed_can_be_pulled() {
    runtime().block_on(async {
        let engine = fresh();
        ask(&engine, "ImageCreate", 41, "", "fromImage=alpine:latest", "").await;
        ask(&engine, "ImageTag", 41, "alpine", "repo=localhost:5000/me/a&tag=v", "").await;
        let pushed = ask(&engine, "ImagePush", 41, "localhost:5000/me/a", "tag=v", "").await;
        assert!(pushed.documents.last().is_some_and(|last| last["aux"]["Tag"] == "v"), "{}", pushed.told());
        ask(&engine, "ImageDelete", 41, "localhost:5000/me/a:v", "", "").await;
        let pulled = ask(&engine, "ImageCreate", 41, "", "fromImage=localhost:5000/me/a&tag=v", "").await;
        assert!(pulled.told().contains("Downloaded newer image"), "{}", pulled.told());
        for (name, tag, error) in [
            ("alpine", "latest", "denied: requested access to the resource is denied"),
            ("nope", "latest", "An image does not exist locally with the tag: nope"),
            ("localhost:5000/me/a", "x", "tag does not exist: localhost:5000/me/a:x"),
        ] {
            let refused = ask(&engine, "ImagePush", 41, name, &format!("tag={tag}"), "").await;
            assert!(refused.status == 200 && refused.told().ends_with(error), "{}", refused.told());
        }
        let inspected = ask(&engine, "DistributionInspect", 41, "localhost:5000/me/a:v", "", "").await;
        assert_eq!(inspected.documents[0]["Platforms"], json!([{ "architecture": "amd64", "os": "linux" }]));
    });
}

#[test]
fn prune_takes_what_nothing_names() {
    runtime().block_on(async {
        let engine = fresh();
        ask(&engine, "ImageBuild", 41, "", "t=kept", context(&[("/Dockerfile", "FROM busybox\nENV a=b")])).await;
        ask(&engine, "ImageBuild", 41, "", "", context(&[("/Dockerfile", "FROM busybox\nRUN echo 1 > /x")])).await;
        let pruned = ask(&engine, "ImagePrune", 41, "", "", "").await;
        assert_eq!(
            (&pruned.documents[0]["SpaceReclaimed"], pruned.documents[0]["ImagesDeleted"].as_array().map(Vec::len)),
            (&json!(2), Some(2))
        );
        let nothing = ask(&engine, "ImagePrune", 41, "", "", "").await;
        assert_eq!(nothing.documents[0], json!({ "ImagesDeleted": null, "SpaceReclaimed": 0 }));
        ask(&engine, "ImagePrune", 41, "", "filters={\"dangling\":[\"0\"]}", "").await;
        assert_eq!(engine.state().images.iter().count(), 0);
    });
}
