//! The same through a proxy: the peers get every byte as it was sent, the recording and what plimsoll itself answers hold no secret.

use std::fs::File;
use std::io::BufWriter;
use std::sync::{Arc, Mutex};

use plimsoll::inspect::EnforcePolicy;
use plimsoll::proxy::{Address, Listener, Tap, serve};
use plimsoll::transcript::{self, What, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::super::support::judge_with;
use super::canary::{CASES, Harm, Watch, example, reports};
use super::{found, settings};

#[tokio::test(flavor = "multi_thread")]
async fn peers_get_every_byte_and_nobody_else_gets_a_secret() {
    let mut watch = Watch::default();
    for enforce in [false, true] {
        for case in 0..CASES {
            let what = format!("case {case}, enforce {enforce}");
            let [request, answer] = example(case, "/v1.41", Harm::None);
            let dir = tempfile::tempdir().expect("a folder");
            let at = |name: &str| dir.path().join(name);
            let listener = Listener::bind(&Address::Unix(at("proxy.sock"))).await.expect("bound");
            let backend = UnixListener::bind(at("daemon.sock")).expect("bound");
            let events = Arc::new(Mutex::new(Vec::new()));
            let sink = Arc::clone(&events);
            let recorder = Writer::new(BufWriter::new(File::create(at("session.wire")).expect("a file")), None).expect("written");
            let tap = Tap::new(settings(true), Some(recorder), move |event| sink.lock().expect("not poisoned").push(event.clone()));
            let tap = Arc::new(if enforce { tap.enforcing(EnforcePolicy::default()) } else { tap });
            let (stop, stopped) = watch::channel(false);
            let serving = tokio::spawn(serve(listener, Address::Unix(at("daemon.sock")), Arc::clone(&tap), stopped));
            let sent = answer.clone();
            let daemon = tokio::spawn(async move {
                let (mut stream, _) = backend.accept().await.expect("a connection");
                let mut got = Vec::new();
                let _ = stream.read_to_end(&mut got).await;
                if !got.is_empty() {
                    let _ = stream.write_all(&sent).await;
                }
                got
            });
            let mut client = UnixStream::connect(at("proxy.sock")).await.expect("connected");
            // In pieces, so that secrets are cut.
            for piece in request.chunks(97) {
                client.write_all(piece).await.expect("taken");
                tokio::task::yield_now().await;
            }
            client.shutdown().await.expect("shut");
            let mut reply = Vec::new();
            let _ = client.read_to_end(&mut reply).await;
            let got = daemon.await.expect("no panic");
            stop.send(true).expect("still serving");
            serving.await.expect("no panic").expect("served");
            tap.finish().expect("recorded");
            if enforce {
                assert!(got.is_empty() || got == request, "{what}: a request goes on as it is, or not at all");
                if reply.windows(8).any(|part| part == b"plimsoll") {
                    watch.look(&format!("{what}, plimsoll's answer"), &reply);
                }
            } else {
                assert_eq!((&got, &reply), (&request, &answer), "{what}");
            }
            let text = std::fs::read(at("session.wire")).expect("a recording");
            watch.look(&format!("{what}, recording"), &text);
            let live = events.lock().expect("not poisoned").clone();
            for (name, text) in reports(&live) {
                watch.look(&format!("{what}, {name}"), &text);
            }
            let recording = transcript::read(&text).expect("a transcript");
            let bytes = |what: &What| if let What::Bytes(bytes) = what { bytes.len() } else { 0 };
            if !enforce {
                assert_eq!(recording.entries.iter().map(|entry| bytes(&entry.what)).sum::<usize>(), request.len() + answer.len(), "{what}");
                assert_eq!(found(&judge_with(&recording, settings(true))), found(&live), "{what}");
            }
        }
    }
    watch.done();
}
