//! Disks and descriptors that run out.

use std::io::{Read, Write};

use super::rig::{PING, Proxy, pass};
use crate::support::PONG;

/// `/dev/full` takes nothing: every write fails as on a full disk.
#[test]
fn disk_full_under_record() {
    let proxy = Proxy::start(&["--record", "/dev/full"]);
    let (mut client, mut daemon) = proxy.pair();
    for _ in 0..200 {
        pass(&mut client, &mut daemon, PING.as_bytes());
        pass(&mut daemon, &mut client, PONG.as_bytes());
    }
    drop((client, daemon));
    let ended = proxy.stop();
    assert_eq!((ended.exchanges(), ended.rules()), (200, vec![]), "traffic and judging go on");
    assert_eq!(ended.code, 3, "{}", ended.err);
    let said = ended.err.lines().filter(|line| line.contains("cannot write the recording: No space left on device")).count();
    assert_eq!(said, 2, "when it happens, and at the end:\n{}", ended.err);
    assert!(ended.out.contains("not written to its end: cannot write the recording: No space left on device"), "{}", ended.out);
    let finished = ended.lines.last().expect("a last line");
    assert!(finished["unwritten"][0].as_str().is_some_and(|text| text.contains("recording")), "{finished}");
}

#[test]
fn disk_full_under_report() {
    for format in ["jsonl=/dev/full", "terminal=/dev/full"] {
        let proxy = Proxy::start(&["--report", format]);
        proxy.still_serves();
        proxy.still_serves();
        let ended = proxy.stop();
        assert_eq!((ended.exchanges(), ended.code), (2, 3), "{}", ended.err);
        assert!(ended.err.contains("cannot write the report /dev/full: No space left on device"), "{}", ended.err);
        assert!(ended.out.contains("not written to its end: cannot write the report /dev/full: No space left on device"), "{}", ended.out);
    }
}

/// More clients than there are descriptors for wait; they are served when others leave, and waiting costs no processor time.
#[test]
fn descriptor_limit_reached() {
    let proxy = Proxy::limited("ulimit -n 40", &[]);
    let mut clients: Vec<_> = (0..20).map(|_| proxy.connect()).collect();
    for client in &mut clients {
        client.write_all(PING.as_bytes()).expect("taken");
    }
    let mut daemons = vec![proxy.accept()];
    let before = proxy.ticks();
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(proxy.ticks() - before < 20, "waiting is no work");
    let mut served = 0;
    for mut client in clients {
        // Served in the order in which they came, as many at a time as there is room for.
        let mut daemon = daemons.pop().unwrap_or_else(|| proxy.accept());
        let mut got = vec![0; PING.len()];
        daemon.read_exact(&mut got).expect("arrives");
        assert_eq!(got, PING.as_bytes());
        pass(&mut daemon, &mut client, PONG.as_bytes());
        served += 1;
    }
    let ended = proxy.stop();
    assert_eq!((served, ended.exchanges(), ended.code), (20, 20, 0), "{}", ended.err);
    assert!(ended.err.contains("the limit of open files leaves room for"), "{}", ended.err);
}

/// The soft limit is for other programs: as many clients as the hard limit has room for are served at once.
#[test]
fn soft_descriptor_limit_is_raised() {
    let proxy = Proxy::limited("ulimit -Sn 40", &[]);
    let mut pairs: Vec<_> = (0..60).map(|_| proxy.pair()).collect();
    for (client, daemon) in &mut pairs {
        pass(client, daemon, PING.as_bytes());
        pass(daemon, client, PONG.as_bytes());
    }
    drop(pairs);
    let ended = proxy.stop();
    assert_eq!((ended.exchanges(), ended.code), (60, 0), "{}", ended.err);
}
