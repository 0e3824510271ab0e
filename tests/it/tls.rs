//! TLS on both legs: it works as the docker CLI's, every way to fail is a sentence, and the relay keeps its promises.

mod papers;
mod through;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

pub(crate) use papers::Papers;

/// A server of plimsoll's, stopped when it is dropped.
struct Server {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// `127.0.0.1:port`
    host: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn plimsoll(papers: &Papers) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env("HOME", papers.dir().join("nowhere")).stdin(Stdio::null());
    for variable in ["DOCKER_HOST", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "SSL_CERT_FILE", "SSL_CERT_DIR"]
    {
        command.env_remove(variable);
    }
    command.current_dir(papers.dir());
    command
}

fn serve(papers: &Papers, words: &str) -> Server {
    let mut command = plimsoll(papers);
    command.args(words.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("plimsoll runs");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    let host = line.split_once("listening on ").and_then(|(_, rest)| rest.split_once("://")).map(|(_, rest)| rest);
    let host = host.unwrap_or_else(|| panic!("{line}")).split(',').next().expect("an address").to_owned();
    Server { child, stderr, host }
}

/// The reference backend in TLS.
fn daemon(papers: &Papers, certificate: &str, more: &str) -> Server {
    serve(papers, &format!("serve --listen tcp://127.0.0.1:0 --listen-tlscert {certificate}.pem --listen-tlskey {certificate}.key {more}"))
}

/// Asks a daemon for a sign of life.
fn probe(papers: &Papers, words: &str, env: &[(&str, &str)]) -> Output {
    let mut command = plimsoll(papers);
    command.args(["probe", "--operation", "SystemPing", "--api-version", "1.41"]).args(words.split_whitespace());
    command.envs(env.iter().copied()).output().expect("plimsoll runs")
}

fn sentence(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

#[test]
fn the_daemon_leg_as_the_docker_cli_is_told() {
    let papers = Papers::new();
    let (open, closed) = (daemon(&papers, "daemon", ""), daemon(&papers, "daemon", "--listen-tlscacert ca.pem"));
    let cert_path = papers.path("certs");
    std::fs::create_dir(&cert_path).expect("a folder");
    for (from, to) in [("ca.pem", "ca.pem"), ("client.pem", "cert.pem"), ("client.key", "key.pem")] {
        std::fs::copy(papers.path(from), cert_path.join(to)).expect("copied");
    }
    let (open, closed, certs) = (&open.host, &closed.host, cert_path.display().to_string());
    for (words, env) in [
        (format!("--backend https://{open} --tlscacert ca.pem"), &[][..]),
        (format!("--backend tcp://{open} --tlsverify --tlscacert ca.pem"), &[]),
        (format!("--backend https://{}", open.replace("127.0.0.1", "localhost")), &[("SSL_CERT_FILE", papers.text("ca.pem"))]),
        (format!("--backend tcp://{open} --tls"), &[]),
        (format!("--backend tcp://{closed} --tlsverify --tlscacert ca.pem --tlscert client.pem --tlskey client.key"), &[]),
        (format!("--backend tcp://{closed}"), &[("DOCKER_TLS_VERIFY", "1".to_owned()), ("DOCKER_CERT_PATH", certs.clone())]),
        (String::new(), &[("DOCKER_HOST", format!("tcp://{closed}")), ("DOCKER_TLS", "1".to_owned()), ("DOCKER_CERT_PATH", certs.clone())]),
    ] {
        let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let output = probe(&papers, &words, &env);
        assert_eq!(output.status.code(), Some(0), "{words} {env:?}: {}", sentence(&output));
    }
}

#[test]
fn every_way_to_fail_is_one_sentence() {
    let papers = Papers::new();
    let backend = |certificate: &str, more: &str| daemon(&papers, certificate, more);
    let [good, elsewhere, unknown, twins, expired] = ["daemon", "elsewhere", "unknown", "twins", "expired"].map(|name| backend(name, ""));
    let closed = backend("daemon", "--listen-tlscacert ca.pem");
    let plain = serve(&papers, "serve --listen tcp://127.0.0.1:0");
    let mut said = Vec::new();
    for (what, server, words) in [
        ("unknown authority", &unknown, "--tlscacert ca.pem"),
        ("authority of the same name", &twins, "--tlscacert ca.pem"),
        ("wrong name", &elsewhere, "--tlscacert ca.pem"),
        ("expired", &expired, "--tlscacert ca.pem"),
        ("no client certificate", &closed, "--tlscacert ca.pem"),
        ("client certificate of another authority", &closed, "--tlscacert ca.pem --tlscert foreigner.pem --tlskey foreigner.key"),
        ("client certificate expired", &closed, "--tlscacert ca.pem --tlscert late.pem --tlskey late.key"),
        ("key does not fit", &good, "--tlscacert ca.pem --tlscert client.pem --tlskey late.key"),
        ("no such file", &good, "--tlscacert none.pem"),
        ("default file is not there", &good, "--tlsverify"),
        ("no certificate in the file", &good, "--tlscacert empty.pem"),
        ("no key in the file", &good, "--tlscacert ca.pem --tlscert client.pem --tlskey client.pem"),
        ("plain HTTP behind it", &plain, "--tlscacert ca.pem"),
    ] {
        let output = probe(&papers, &format!("--backend https://{} {words}", server.host), &[]);
        let text = sentence(&output).replace(&server.host, "HOST").replace(&papers.text(""), "DIR/");
        said.push(format!("{what} ({}):\n  {text}", output.status.code().unwrap_or_default()));
    }
    let output = probe(&papers, &format!("--backend tcp://{}", good.host), &[]);
    said.push(format!(
        "TLS behind tcp:// ({}):\n  {}",
        output.status.code().unwrap_or_default(),
        sentence(&output).replace(&good.host, "HOST")
    ));
    for words in [
        "serve --listen https://127.0.0.1:0",
        "serve --listen tcp://127.0.0.1:0 --listen-tlscert daemon.pem --listen-tlskey client.key",
        "serve --listen unix://s --listen-tlscert daemon.pem --listen-tlskey daemon.key",
        "serve --listen tcp://0.0.0.0:0",
        "proxy --backend reference --listen tcp://[::]:0 --listen-tlscert daemon.pem --listen-tlskey daemon.key --listen-tlscacert ca.pem",
        "proxy --backend reference --listen tcp://127.0.0.1:0 --metrics tcp://0.0.0.0:0",
        "probe --backend reference --tlsverify",
    ] {
        let words = words.replace("unix://s", &format!("unix://{}", papers.text("s.sock")));
        let output = plimsoll(&papers).args(words.split_whitespace()).output().expect("plimsoll runs");
        let text = sentence(&output).replace(&papers.text(""), "DIR/");
        said.push(format!(
            "{} ({}):\n  {}",
            words.replace(&papers.text(""), "DIR/"),
            output.status.code().unwrap_or_default(),
            text.lines().last().unwrap_or_default()
        ));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn clients_that_are_not_let_in_are_told_and_so_is_standard_error() {
    let papers = Papers::new();
    let mut server = daemon(&papers, "daemon", "--listen-tlscacert ca.pem");
    // Plain HTTP is answered in plain HTTP.
    let mut client = TcpStream::connect(&server.host).expect("it listens");
    client.write_all(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n").expect("written");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("TLS is spoken here"), "{answer}");
    let host = server.host.clone();
    for words in ["", "--tlscert foreigner.pem --tlskey foreigner.key", "--tlscert late.pem --tlskey late.key"] {
        assert_eq!(probe(&papers, &format!("--backend https://{host} --tlscacert ca.pem {words}"), &[]).status.code(), Some(3), "{words}");
    }
    assert_eq!(probe(&papers, &format!("--backend https://{host} --tlscacert stranger.pem"), &[]).status.code(), Some(3));
    let mut said = String::new();
    for _ in 0..5 {
        server.stderr.read_line(&mut said).expect("a line");
    }
    insta::assert_snapshot!(said.replace(&papers.text(""), "DIR/"));
}

#[test]
fn what_other_machines_reach_needs_a_flag() {
    let papers = Papers::new();
    let server = serve(&papers, "serve --listen tcp://0.0.0.0:0 --allow-remote");
    let mut client = TcpStream::connect(server.host.replace("0.0.0.0", "127.0.0.1")).expect("it listens");
    client.write_all(b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").expect("written");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // Nothing is bound before it is refused.
    let free = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address").port();
    let output = plimsoll(&papers).args(["serve", "--listen", &format!("tcp://0.0.0.0:{free}")]).output().expect("plimsoll runs");
    assert_eq!(output.status.code(), Some(2), "{}", sentence(&output));
}

/// All that plays a recording takes the options that `run` takes.
#[test]
fn recordings_are_played_at_a_daemon_in_tls() {
    let papers = Papers::new();
    let daemon = daemon(&papers, "daemon", "--listen-tlscacert ca.pem");
    let exchange = "> \"GET /v1.41/_ping HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n\"\n< \"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n\"\n";
    std::fs::write(papers.path("ping.wire"), format!("@plimsoll-transcript 1\n{exchange}")).expect("written");
    let host = &daemon.host;
    let tls = "--tlsverify --tlscacert ca.pem --tlscert client.pem --tlskey client.key";
    let ask = |words: &str| plimsoll(&papers).args(words.split_whitespace()).output().expect("plimsoll runs");
    for words in [
        format!("replay ping.wire --as client --backend tcp://{host} {tls}"),
        format!("snapshot record --backend tcp://{host} {tls} --dir s ping.wire"),
        format!("snapshot test --backend https://{host} {tls} --dir s"),
        format!("diff --a tcp://{host} --b reference {tls} ping.wire"),
    ] {
        let output = ask(&words);
        assert_eq!(output.status.code(), Some(0), "{words}: {}{}", String::from_utf8_lossy(&output.stdout), sentence(&output));
        // A daemon that listens in TLS answers 400 to what is said in the clear.
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains("SystemPing") && !shown.contains("400"), "{words}: {shown}");
    }
    for (words, due) in [
        ("replay ping.wire --as daemon --listen unix:///x --tls", "plimsoll: --tls is for --as client: the recording is the daemon"),
        ("diff ping.wire ping.wire --tlsverify", "plimsoll: --tlsverify is for --a and --b: recordings are not dialled"),
        ("diff --a reference --b reference --tls ping.wire", "plimsoll: --tls needs a backend at tcp:// or https://, not reference"),
    ] {
        let output = ask(words);
        assert_eq!((output.status.code(), sentence(&output).as_str()), (Some(2), due));
    }
}

#[test]
fn run_gives_its_command_a_private_socket_in_the_clear() {
    let papers = Papers::new();
    let server = daemon(&papers, "daemon", "--listen-tlscacert ca.pem");
    let cert_path = papers.path("certs");
    std::fs::create_dir(&cert_path).expect("a folder");
    for (from, to) in [("ca.pem", "ca.pem"), ("client.pem", "cert.pem"), ("client.key", "key.pem")] {
        std::fs::copy(papers.path(from), cert_path.join(to)).expect("copied");
    }
    let inner = env!("CARGO_BIN_EXE_plimsoll");
    let output = plimsoll(&papers)
        .args(["run", "--backend", &format!("tcp://{}", server.host), "--format", "jsonl", "--", "sh", "-c"])
        .arg(format!("env | grep ^DOCKER_; {inner} probe --operation SystemPing --api-version 1.41 >&2"))
        .env("DOCKER_TLS_VERIFY", "1")
        .env("DOCKER_CERT_PATH", &cert_path)
        .output()
        .expect("plimsoll runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text} {}", sentence(&output));
    assert!(text.starts_with("DOCKER_HOST=unix:///"), "{text}");
    assert!(!text.contains("DOCKER_TLS") && !text.contains("DOCKER_CERT_PATH"), "{text}");
    assert!(text.contains("\"operation\":\"SystemPing\""), "{text}");
}
