//! HAR 1.2, the HTTP archive that browsers and other tools read (`http://www.softwareishard.com/blog/har-12-spec/`): a recording's exchanges, out and in.
//!
//! What HAR has no word for stands in members with an underscore, as its section on custom fields asks: `_events` (time, operator, bytes and number of
//! every line of the recording), `_tail` (base64 of what a side sent after a hijack), `_chunks` (sizes), and `_raw` (base64 of a message that cannot be
//! built again from its parts). With them a recording is the same again; without them, as from another tool, each entry is a connection of its own.

mod entry;
mod read;
mod write;

pub use read::{HarError, read};
pub use write::HarWriter;

#[cfg(test)]
mod tests {
    use super::super::{Entry, Exchanges, Transcript, What, Writer, read as read_transcript};
    use super::*;

    fn out(transcript: &Transcript) -> Vec<u8> {
        let mut writer = HarWriter::new(std::io::Cursor::new(Vec::new()));
        let mut exchanges = Exchanges::new(transcript.api_version);
        let mut add = |exchange| writer.add(&exchange).expect("a vector takes all");
        for entry in &transcript.entries {
            exchanges.push(entry.clone(), &mut add);
        }
        exchanges.finish(&mut add);
        let mut out = Vec::new();
        writer.finish(transcript.api_version, &mut out).expect("a vector takes all");
        out
    }

    fn back(har: &[u8]) -> Vec<Entry> {
        let mut entries = Vec::new();
        read(har, &mut |_, entry| entries.push(entry)).expect("a HAR");
        entries
    }

    fn text(entries: &[Entry]) -> String {
        let mut writer = Writer::new(Vec::new(), None).expect("a vector takes all");
        for entry in entries {
            writer.entry(entry).expect("a vector takes all");
        }
        String::from_utf8(writer.into_inner()).expect("text")
    }

    #[test]
    fn a_recording_is_the_same_again() {
        let lines = "@plimsoll-transcript 1\n@api-version 1.41\n\
            +0.000100 c1 > \"POST /v1.41/containers/a/attach?stdin=1 HTTP/1.1\\r\\nHost: docker\\r\\nConnection: Upgrade\\r\\nUpgrade: tcp\\r\\n\\r\\n\"\n\
            +0.000200 c2 > \"GET /v1.41/containers/json HTTP/1.1\\r\\nHost: docker\\r\\n\\r\\nGET /b HTTP/1.1\\r\\nhost:docker\\r\\n\\r\\n\"\n\
            +0.000300 c1 < \"HTTP/1.1 101 UPGRADED\\r\\nConnection: Upgrade\\r\\nUpgrade: tcp\\r\\n\\r\\nhello\"\n\
            +0.000400 c2 < \"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n2\\r\\n[]\\r\\n\"\n\
            +0.000500 c1 > \"\\xff\"\n\
            +0.000600 c2 < \"1\\r\\n\\n\\r\\n0\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok\"\n\
            +0.000700 c1 >|\n+0.000800 c1 < \"bye\"\n+0.000900 c1 <|\n+0.001000 c2 <|\n+0.001100 c2 >|\n";
        let transcript = read_transcript(lines.as_bytes()).expect("a transcript");
        let har = out(&transcript);
        assert_eq!(text(&back(&har)), lines.replace("@api-version 1.41\n", ""));
        let json: serde_json::Value = serde_json::from_slice(&har).expect("JSON");
        let list = &json["log"]["entries"][1];
        assert_eq!(list["response"]["content"]["text"], "[]\n");
        assert_eq!(list["response"]["_chunks"], serde_json::json!([2, 1]));
        assert_eq!((&list["response"]["_raw"], &list["connection"]), (&serde_json::Value::Null, &serde_json::json!("2")));
        // Its head is not written as heads are built: `host:docker`.
        assert!(json["log"]["entries"][2]["request"]["_raw"].is_string());
        assert_eq!(json["log"]["entries"][0]["response"]["_tail"], "aGVsbG9ieWU=");
    }

    #[test]
    fn every_recording_of_the_repository_is_the_same_again() {
        for path in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/recordings")).expect("a folder") {
            let path = path.expect("an entry").path();
            let transcript = read_transcript(&std::fs::read(&path).expect("readable")).expect("a transcript");
            let round = back(&out(&transcript));
            let plain = |entries: &[Entry]| {
                text(
                    &entries
                        .iter()
                        .filter(|entry| !matches!(&entry.what, What::Bytes(bytes) if bytes.is_empty()))
                        .cloned()
                        .collect::<Vec<_>>(),
                )
            };
            let (round, before) = (plain(&round), plain(&transcript.entries));
            if round != before {
                let short = |text: &str| text.chars().take(300).collect::<String>();
                let (there, here) = before.lines().zip(round.lines()).find(|(there, here)| there != here).unwrap_or_default();
                panic!("{}: {}\nis now {}", path.display(), short(there), short(here));
            }
        }
    }

    #[test]
    fn a_foreign_har_becomes_connections() {
        let har = r#"{"log":{"version":"1.2","creator":{"name":"browser","version":"1"},"pages":[],"entries":[
            {"startedDateTime":"2026-11-22T10:00:00.000Z","time":5,"cache":{},"timings":{"send":1,"wait":3,"receive":1},
             "request":{"method":"POST","url":"http://localhost:2375/v1.41/containers/create?name=a","httpVersion":"h2","cookies":[],"queryString":[],
              "headers":[{"name":":method","value":"POST"},{"name":"Content-Type","value":"application/json"}],"headersSize":-1,"bodySize":-1,
              "postData":{"mimeType":"application/json","text":"{\"Image\":\"base\"}"}},
             "response":{"status":201,"statusText":"","httpVersion":"h2","cookies":[],"redirectURL":"","headersSize":-1,"bodySize":-1,
              "headers":[{"name":"content-encoding","value":"gzip"},{"name":"content-length","value":"99"}],
              "content":{"size":2,"mimeType":"application/json","text":"e30=","encoding":"base64"}}},
            {"startedDateTime":"2026-11-22T11:00:00.001+01:00","request":{"method":"GET","url":"http://localhost:2375","headers":[]},"response":{"status":0}}]}}"#;
        let said = text(&back(har.as_bytes()));
        assert_eq!(
            said.lines().skip(1).collect::<Vec<_>>(),
            [
                "+0.000000 c1 > \"POST /v1.41/containers/create?name=a HTTP/1.1\\r\\nContent-Type: application/json\\r\\nHost: localhost:2375\\r\\nContent-Length: 16\\r\\n\\r\\n{\\\"Image\\\":\\\"base\\\"}\"",
                "+0.001000 c2 > \"GET / HTTP/1.1\\r\\nHost: localhost:2375\\r\\n\\r\\n\"",
                "+0.001000 c2 >|",
                "+0.004000 c1 < \"HTTP/1.1 201 \\r\\nContent-Length: 2\\r\\n\\r\\n{}\"",
                "+0.005000 c1 >|",
                "+0.005000 c1 <|",
            ]
        );
    }

    #[test]
    fn what_is_no_har_is_said() {
        for (har, said) in [
            ("{", "line 1 column 1: EOF while parsing an object"),
            ("{}", "line 1 column 2: missing field `log`"),
            ("{\"log\":{\"entries\":[{}]}}", "line 1 column 21: missing field `startedDateTime`"),
            (
                "{\"log\":{\"entries\":[{\"startedDateTime\":\"2026\",\"request\":{\"method\":\"GET\",\"url\":\"\",\"headers\":[]}}]}}",
                "entry 1: `2026` is no time (as in 2026-01-01T00:00:00.000Z)",
            ),
        ] {
            assert_eq!(read(har.as_bytes(), &mut |_, _| {}).map_err(|error| error.to_string()), Err(said.to_owned()), "{har}");
        }
    }
}
