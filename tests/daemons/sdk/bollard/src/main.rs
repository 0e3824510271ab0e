//! bollard-through-plimsoll SOCKET VERSION: what bollard makes of the daemon at SOCKET ("negotiated":
//! the version that both have). bollard decodes every answer strictly into its types. The lines it
//! prints are those of docker_py.py.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::Docker;
use bollard::container::{AttachContainerResults, LogOutput};
use bollard::exec::{ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::models::{ContainerConfig, ContainerCreateBody, ContainerUpdateBody, ExecConfig, HostConfig, VolumeCreateRequest};
use bollard::query_parameters as query;
use futures_util::{Stream, StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

type Outcome = Result<Value, Box<dyn Error>>;

const READER: &str = r#"read -r line; echo "got $line"; echo "no more" >&2; cat; echo end; exit 6"#;

// What no two runs have in common.

/// Names and types of a document, of a list's items those of the first.
fn shape(value: impl Serialize) -> Value {
    match serde_json::to_value(value).expect("bollard's types are JSON") {
        Value::Object(fields) => fields.into_iter().map(|(key, item)| (key, shape(item))).collect(),
        Value::Array(items) => items.into_iter().take(1).map(shape).collect(),
        Value::String(_) => json!("string"),
        Value::Number(_) => json!("number"),
        other => other,
    }
}

/// The error that a call must give; ids are replaced.
fn refused<T>(result: Result<T, bollard::errors::Error>) -> Outcome {
    match result {
        Ok(_) => Err("no error".into()),
        Err(bollard::errors::Error::DockerResponseServerError { status_code, message }) => Ok(json!([status_code, same(&message)])),
        Err(other) => Ok(json!(same(&other.to_string()))),
    }
}

/// The text without words of 12 or 64 hex digits.
fn same(text: &str) -> String {
    text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric())
        .map(|word| {
            let hex = word.trim_end_matches(|letter: char| !letter.is_ascii_hexdigit());
            match hex.len() {
                12 | 64 if hex.chars().all(|letter| letter.is_ascii_hexdigit()) => {
                    format!("<id{}>{}", hex.len(), &word[hex.len()..])
                }
                _ => word.to_owned(),
            }
        })
        .collect()
}

/// All output, by its kind.
async fn output(mut pieces: impl Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin) -> Outcome {
    let mut found: HashMap<&str, String> = HashMap::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        let kind = match piece {
            LogOutput::StdErr { .. } => "err",
            LogOutput::StdOut { .. } => "out",
            LogOutput::StdIn { .. } => "in",
            LogOutput::Console { .. } => "console",
        };
        found.entry(kind).or_default().push_str(&piece.to_string());
    }
    Ok(json!(found))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A tar stream of one small file, made by hand.
fn tar(name: &str, content: &str) -> Vec<u8> {
    let mut head = [0_u8; 512];
    let mut put = |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\x000000000\x000000000\x00");
    put(124, &format!("{:011o}\x0000000000001\x00        0", content.len()));
    put(257, "ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\x00 ").as_bytes());
    let mut data = head.to_vec();
    data.extend(content.as_bytes());
    data.resize(data.len().div_ceil(512) * 512 + 1024, 0);
    data
}

fn list(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(ToString::to_string).collect())
}

fn filters(pairs: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
    pairs.iter().map(|(key, value)| (key.to_string(), vec![value.to_string()])).collect()
}

fn body(command: &[&str]) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some("base:latest".to_owned()),
        cmd: list(command),
        host_config: Some(HostConfig { network_mode: Some("none".to_owned()), ..HostConfig::default() }),
        ..ContainerCreateBody::default()
    }
}

/// With the only name that scenarios use, so that the end of each knows what to remove.
async fn create(docker: &Docker, body: ContainerCreateBody) -> Result<(), bollard::errors::Error> {
    let options = query::CreateContainerOptionsBuilder::new().name("box").build();
    docker.create_container(Some(options), body).await.map(drop)
}

async fn start(docker: &Docker, command: &[&str]) -> Result<(), bollard::errors::Error> {
    create(docker, body(command)).await?;
    docker.start_container("box", None).await
}

async fn wait(docker: &Docker) -> Outcome {
    let ended: Vec<_> = docker.wait_container("box", None).collect().await;
    // bollard makes an error of every code that is not 0.
    Ok(json!(
        ended
            .into_iter()
            .map(|end| match end {
                Ok(answer) => json!(answer.status_code),
                Err(bollard::errors::Error::DockerContainerWaitError { error, code }) => {
                    json!([code, error])
                }
                Err(error) => json!(same(&error.to_string())),
            })
            .collect::<Vec<_>>()
    ))
}

async fn clear(docker: &Docker) -> Result<(), bollard::errors::Error> {
    let options = query::RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match docker.remove_container("box", Some(options)).await {
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
        other => other,
    }
}

// The scenarios.

async fn system(docker: &Docker) -> Outcome {
    Ok(json!([
        docker.version().await?,
        docker.ping().await?,
        shape(docker.info().await?),
        shape(docker.df(None).await?),
        docker.client_version().to_string(),
    ]))
}

async fn images(docker: &Docker) -> Outcome {
    let tag = query::TagImageOptionsBuilder::new().repo("other").tag("1").build();
    docker.tag_image("base:latest", Some(tag)).await?;
    let by_name = query::ListImagesOptionsBuilder::new().digests(true).filters(&filters(&[("reference", "base")])).build();
    let mut base = docker.inspect_image("base:latest").await?;
    // It tells when the image was tagged last.
    base.metadata = None;
    let outcome = json!([
        shape(docker.list_images(None::<query::ListImagesOptions>).await?),
        docker.list_images(Some(by_name)).await?.len(),
        base,
        docker.image_history("base:latest").await?,
        docker.remove_image("other:1", None::<query::RemoveImageOptions>, None).await?,
        refused(docker.inspect_image("missing:1").await)?,
        refused(docker.remove_image("missing:1", None::<query::RemoveImageOptions>, None).await)?,
        shape(docker.prune_images(None::<query::PruneImagesOptions>).await?),
    ]);
    Ok(outcome)
}

async fn image_export_load(docker: &Docker) -> Outcome {
    let tag = query::TagImageOptionsBuilder::new().repo("saved").tag("1").build();
    docker.tag_image("base:latest", Some(tag)).await?;
    let pieces: Vec<_> = docker.export_image("saved:1").try_collect().await?;
    let data = pieces.concat();
    docker.remove_image("saved:1", None::<query::RemoveImageOptions>, None).await?;
    let size = data.len();
    let options = query::ImportImageOptionsBuilder::new().build();
    let said: Vec<_> = docker.import_image(options, bollard::body_full(data.into()), None).try_collect().await?;
    docker.remove_image("saved:1", None::<query::RemoveImageOptions>, None).await?;
    Ok(json!([size, format!("{said:?}")]))
}

async fn image_build(docker: &Docker) -> Outcome {
    let mut outcome = Vec::new();
    for script in ["echo built && echo built >/built", "exit 7"] {
        let context = tar("Dockerfile", &format!("FROM base:latest\nRUN {script}\n"));
        let options = query::BuildImageOptionsBuilder::new().t("built:1").nocache(true).rm(true).forcerm(true).networkmode("none").build();
        let said: Vec<_> = docker
            .build_image(options, None, Some(bollard::body_full(context.into())))
            .map(|line| match line {
                Ok(line) => same(&format!("{line:?}")),
                Err(error) => same(&error.to_string()),
            })
            .collect()
            .await;
        outcome.push(json!(said));
    }
    outcome.push(shape(docker.inspect_image("built:1").await?));
    docker.remove_image("built:1", None::<query::RemoveImageOptions>, None).await?;
    Ok(json!(outcome))
}

async fn pull_refused(docker: &Docker) -> Outcome {
    let options = query::CreateImageOptionsBuilder::new().from_image("127.0.0.1:1/team/absent:1").build();
    refused(docker.create_image(Some(options), None, None).try_collect::<Vec<_>>().await)
}

async fn attach(docker: &Docker) -> Outcome {
    create(
        docker,
        ContainerCreateBody { open_stdin: Some(true), stdin_once: Some(true), attach_stdin: Some(true), ..body(&["sh", "-c", READER]) },
    )
    .await?;
    let options = query::AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).stderr(true).build();
    let AttachContainerResults { output: pieces, mut input } = docker.attach_container("box", Some(options)).await?;
    docker.start_container("box", None).await?;
    let writer = async {
        input.write_all(b"first\n").await?;
        input.write_all(&[b'x'; 100_000]).await?;
        input.write_all(b"\n").await?;
        input.shutdown().await
    };
    let (written, found) = tokio::join!(writer, output(pieces));
    written?;
    let mut found = found?;
    let long = found["out"].as_str().unwrap_or_default().len();
    found["out"] = json!(long);
    Ok(json!([found, wait(docker).await?]))
}

async fn attach_terminal(docker: &Docker) -> Outcome {
    let script = r#"read -r line; echo "got $line"; exit 7"#;
    create(docker, ContainerCreateBody { open_stdin: Some(true), tty: Some(true), ..body(&["sh", "-c", script]) }).await?;
    let options = query::AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).build();
    let AttachContainerResults { output: pieces, mut input } = docker.attach_container("box", Some(options)).await?;
    docker.start_container("box", None).await?;
    input.write_all(b"hello\n").await?;
    // What bollard makes of a terminal's bytes depends on how they are cut: without frames.
    let text: Vec<_> = pieces.map_ok(LogOutput::into_bytes).try_collect().await?;
    Ok(json!([String::from_utf8_lossy(&text.concat()), wait(docker).await?]))
}

/// The daemon may end an exec's output before it knows the exit code.
async fn code_of(docker: &Docker, exec: &str) -> Result<Option<i64>, bollard::errors::Error> {
    for _ in 0..100 {
        let found = docker.inspect_exec(exec).await?;
        if found.running == Some(false) && found.exit_code.is_some() {
            return Ok(found.exit_code);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(None)
}

async fn exec(docker: &Docker) -> Outcome {
    start(docker, &["sleep", "1000"]).await?;
    let mut outcome = Vec::new();

    let config = ExecConfig {
        cmd: list(&["sh", "-c", "echo out; sleep 0.2; echo err >&2; pwd; exit 5"]),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        working_dir: Some("/tmp".to_owned()),
        env: list(&["A=b"]),
        ..ExecConfig::default()
    };
    let plain = docker.create_exec("box", config).await?.id;
    outcome.push(shape(docker.inspect_exec(&plain).await?));
    if let StartExecResults::Attached { output: pieces, .. } = docker.start_exec(&plain, None).await? {
        outcome.push(output(pieces).await?);
    }
    outcome.push(json!(code_of(docker, &plain).await?));

    let config = ExecConfig {
        cmd: list(&["sh", "-c", READER]),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..ExecConfig::default()
    };
    let reading = docker.create_exec("box", config).await?.id;
    if let StartExecResults::Attached { output: pieces, mut input } = docker.start_exec(&reading, None).await? {
        input.write_all(b"first\nsecond\n").await?;
        input.shutdown().await?;
        outcome.push(output(pieces).await?);
    }
    outcome.push(json!(code_of(docker, &reading).await?));

    let config = ExecConfig {
        cmd: list(&["sh", "-c", "read -r a; echo \"<$a>\"; exit 2"]),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        tty: Some(true),
        ..ExecConfig::default()
    };
    let typed = docker.create_exec("box", config).await?.id;
    let options = StartExecOptions { tty: true, ..StartExecOptions::default() };
    if let StartExecResults::Attached { output: pieces, mut input } = docker.start_exec(&typed, Some(options)).await? {
        let size = ResizeExecOptions { height: 30, width: 90 };
        docker.resize_exec(&typed, size).await?;
        input.write_all(b"typed\n").await?;
        let text: Vec<_> = pieces.map_ok(LogOutput::into_bytes).try_collect().await?;
        outcome.push(json!(String::from_utf8_lossy(&text.concat())));
    }

    let config = ExecConfig { cmd: list(&["true"]), ..ExecConfig::default() };
    let detached = docker.create_exec("box", config.clone()).await?.id;
    let options = StartExecOptions { detach: true, ..StartExecOptions::default() };
    docker.start_exec(&detached, Some(options)).await?;
    outcome.push(refused(docker.inspect_exec("missing").await)?);
    outcome.push(refused(docker.start_exec("missing", None).await)?);
    docker.pause_container("box").await?;
    outcome.push(refused(docker.create_exec("box", config).await)?);
    docker.unpause_container("box").await?;
    Ok(json!(outcome))
}

async fn logs(docker: &Docker) -> Outcome {
    let script = "for i in 1 2 3 4; do echo $i; sleep 0.2; done; echo e >&2; exit 4";
    start(docker, &["sh", "-c", script]).await?;
    let both = || query::LogsOptionsBuilder::new().stdout(true).stderr(true);
    let followed = output(docker.logs("box", Some(both().follow(true).build()))).await?;
    let code = wait(docker).await?;
    let last = output(docker.logs("box", Some(both().tail("2").build()))).await?;
    let timed = output(docker.logs("box", Some(both().timestamps(true).build()))).await?;
    Ok(json!([followed, code, last, shape(timed)]))
}

async fn logs_left_early(docker: &Docker) -> Outcome {
    start(docker, &["sh", "-c", "while :; do echo line; sleep 0.02; done"]).await?;
    let options = query::LogsOptionsBuilder::new().stdout(true).follow(true).build();
    let first = docker.logs("box", Some(options)).try_next().await?;
    Ok(json!(first.map(|piece| piece.to_string())))
}

async fn stats(docker: &Docker) -> Outcome {
    start(docker, &["sleep", "1000"]).await?;
    let one = query::StatsOptionsBuilder::new().stream(false).build();
    let one: Vec<_> = docker.stats("box", Some(one)).try_collect().await?;
    let shot = query::StatsOptionsBuilder::new().stream(false).one_shot(true).build();
    let shot: Vec<_> = docker.stats("box", Some(shot)).try_collect().await?;
    let several: Vec<_> = docker.stats("box", None).take(2).try_collect().await?;
    // The block device's figures come and go.
    let named = |found: &[_]| {
        found
            .iter()
            .map(|stats| match json!(stats) {
                Value::Object(fields) => fields.into_iter().map(|(key, _)| key).collect(),
                _ => Vec::new(),
            })
            .collect::<Vec<_>>()
    };
    let top = query::TopOptionsBuilder::new().ps_args("-o pid,args").build();
    let top = docker.top_processes("box", Some(top)).await?;
    Ok(json!([named(&one), named(&shot), named(&several), shape(top)]))
}

async fn archives(docker: &Docker) -> Outcome {
    start(docker, &["sleep", "1000"]).await?;
    let upload = |path: &str| Some(query::UploadToContainerOptionsBuilder::new().path(path).build());
    let data = || bollard::body_full(tar("one", "content\n").into());
    docker.upload_to_container("box", upload("/tmp"), data()).await?;
    let download = |path: &str| Some(query::DownloadFromContainerOptionsBuilder::new().path(path).build());
    let got: Vec<_> = docker.download_from_container("box", download("/tmp/one")).try_collect().await?;
    let info = query::ContainerArchiveInfoOptionsBuilder::new().path("/tmp/one").build();
    let info = docker.get_container_archive_info("box", Some(info)).await?;
    let exported: Vec<_> = docker.export_container("box").try_collect().await?;
    let mut changes: Vec<_> =
        docker.container_changes("box").await?.into_iter().flatten().map(|change| json!(change).to_string()).collect();
    changes.sort();
    Ok(json!([
        String::from_utf8_lossy(&got.concat()[..5]),
        got.concat().len(),
        same(&format!("{} {} {:o}", info.name, info.size, info.file_mode)),
        exported.concat().len() > 1_000_000,
        changes,
        refused(docker.upload_to_container("box", upload("/missing"), data()).await)?,
        refused(docker.download_from_container("box", download("/missing")).try_collect::<Vec<_>>().await)?,
    ]))
}

async fn commit(docker: &Docker) -> Outcome {
    start(docker, &["sh", "-c", "echo new >/new"]).await?;
    wait(docker).await?;
    let options = query::CommitContainerOptionsBuilder::new().container("box").repo("grown").tag("1").comment("why").build();
    let made = docker.commit_container(options, ContainerConfig::default()).await?;
    let image = docker.inspect_image("grown:1").await?;
    docker.remove_image("grown:1", None::<query::RemoveImageOptions>, None).await?;
    Ok(json!([shape(made), image.comment, shape(image)]))
}

async fn inspect_and_list(docker: &Docker) -> Outcome {
    let mut described = body(&["sleep", "1000"]);
    described.labels = Some(HashMap::from([("k".to_owned(), "v".to_owned())]));
    described.env = list(&["A=1"]);
    described.exposed_ports = list(&["80/tcp"]);
    described.host_config = described.host_config.map(|config| HostConfig {
        memory: Some(64 << 20),
        binds: list(&["vol:/vol"]),
        cap_drop: list(&["ALL"]),
        ..config
    });
    create(docker, described).await?;
    let mut outcome = vec![shape(docker.inspect_container("box", None).await?)];
    docker.start_container("box", None).await?;
    let options = query::ListContainersOptionsBuilder::new().filters(&filters(&[("label", "k=v"), ("status", "running")])).build();
    outcome.push(shape(docker.list_containers(Some(options)).await?));
    let options = query::ListContainersOptionsBuilder::new().all(true).size(true).build();
    outcome.push(shape(docker.list_containers(Some(options)).await?));
    let size = query::InspectContainerOptionsBuilder::new().size(true).build();
    outcome.push(shape(docker.inspect_container("box", Some(size)).await?));
    let options = query::ListContainersOptionsBuilder::new().filters(&filters(&[("nonsense", "1")])).build();
    outcome.push(refused(docker.list_containers(Some(options)).await)?);
    outcome.push(refused(docker.inspect_container("missing", None).await)?);
    outcome.push(refused(create(docker, body(&["true"])).await)?);
    clear(docker).await?;
    docker.remove_volume("vol", None::<query::RemoveVolumeOptions>).await?;
    Ok(json!(outcome))
}

async fn life(docker: &Docker) -> Outcome {
    start(docker, &["sh", "-c", "trap 'exit 9' USR1; while :; do sleep 0.05; done"]).await?;
    let mut outcome = Vec::new();
    docker.pause_container("box").await?;
    outcome.push(refused(docker.pause_container("box").await)?);
    docker.unpause_container("box").await?;
    for name in ["other", "box"] {
        let from = if name == "box" { "other" } else { "box" };
        let options = query::RenameContainerOptionsBuilder::new().name(name).build();
        docker.rename_container(from, options).await?;
    }
    let more = ContainerUpdateBody { memory: Some(64 << 20), memory_swap: Some(128 << 20), ..ContainerUpdateBody::default() };
    docker.update_container("box", more).await?;
    let restart = query::RestartContainerOptionsBuilder::new().t(0).build();
    docker.restart_container("box", Some(restart)).await?;
    outcome.push(refused(docker.remove_container("box", None::<query::RemoveContainerOptions>).await)?);
    let killer = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let kill = query::KillContainerOptionsBuilder::new().signal("USR1").build();
        docker.kill_container("box", Some(kill)).await
    };
    let (killed, ended) = tokio::join!(killer, wait(docker));
    killed?;
    outcome.push(ended?);
    outcome.push(refused(docker.kill_container("box", None).await)?);
    docker.start_container("box", None).await?;
    let stop = query::StopContainerOptionsBuilder::new().t(0).build();
    docker.stop_container("box", Some(stop)).await?;
    let state = docker.inspect_container("box", None).await?.state;
    outcome.push(json!(state.map(|state| (state.status, state.exit_code))));
    outcome.push(shape(docker.prune_containers(None).await?));
    outcome.push(refused(docker.start_container("box", None).await)?);
    Ok(json!(outcome))
}

async fn events(docker: &Docker) -> Outcome {
    // What happened to the box of the scenario before is not to be of the same second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let since = now().to_string();
    start(docker, &["sh", "-c", "exit 3"]).await?;
    let code = wait(docker).await?;
    clear(docker).await?;
    let until = (now() + 1).to_string();
    let options = query::EventsOptionsBuilder::new()
        .since(&since)
        .until(&until)
        .filters(&filters(&[("type", "container"), ("container", "box")]))
        .build();
    let found: Vec<_> = docker.events(Some(options)).try_collect().await?;
    Ok(json!([code, found.iter().rev().take(4).map(|event| &event.action).collect::<Vec<_>>(), shape(&found),]))
}

async fn volumes_and_networks(docker: &Docker) -> Outcome {
    let request = VolumeCreateRequest { name: Some("vol".to_owned()), ..VolumeCreateRequest::default() };
    let made = shape(docker.create_volume(request).await?);
    let outcome = json!([
        made,
        shape(docker.inspect_volume("vol").await?),
        shape(docker.list_volumes(None::<query::ListVolumesOptions>).await?),
        docker.remove_volume("vol", None::<query::RemoveVolumeOptions>).await?,
        refused(docker.inspect_volume("vol").await)?,
        docker.list_networks(None::<query::ListNetworksOptions>).await?.len(),
        shape(docker.inspect_network("none", None::<query::InspectNetworkOptions>).await?),
        refused(docker.inspect_network("missing", None::<query::InspectNetworkOptions>).await)?,
        refused(docker.remove_network("none").await)?,
    ]);
    Ok(outcome)
}

/// One scenario's lines; an error is an outcome too, and never an expected one.
async fn scenario(docker: &Docker, name: &str, outcome: impl Future<Output = Outcome>) {
    println!("begin {name}");
    match outcome.await {
        Ok(outcome) => println!("end {name} {outcome}"),
        Err(error) => println!("failed {name} {:?}", same(&error.to_string())),
    }
    if let Err(error) = clear(docker).await {
        println!("failed {name} {:?}", error.to_string());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(socket), Some(_)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bollard-through-plimsoll SOCKET VERSION".into());
    };
    let docker = Docker::connect_with_unix(&socket, 60, bollard::API_DEFAULT_VERSION)?.negotiate_version().await?;
    macro_rules! scenarios {
        ($($name:ident)*) => { $(scenario(&docker, stringify!($name), $name(&docker)).await;)* };
    }
    scenarios! {
        system images image_export_load image_build pull_refused
        attach attach_terminal exec logs logs_left_early stats archives commit
        inspect_and_list life events volumes_and_networks
    }
    Ok(())
}
