//! The form that carried a Dockerfile and its context up to 1.2.

use jiff::Timestamp;

use super::super::super::files::{ExtractOptions, Files};

/// The context of a form, as an archive: what its `Context` holds, and its `Dockerfile`. None when the body is no form.
pub(super) fn context(body: &[u8], media: &str, now: Timestamp) -> Option<Vec<u8>> {
    let boundary = media.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("boundary="))?.trim_matches('"');
    if !media.trim_start().starts_with("multipart/form-data") || boundary.is_empty() {
        return None;
    }
    let mut files = Files::new();
    for (name, content) in parts(body, boundary) {
        match name.as_str() {
            "Dockerfile" => files.write("/Dockerfile", content.to_vec().into(), 0o644, now).ok()?,
            // A context that cannot be read is none.
            "Context" => files.extract("/", content, ExtractOptions::default(), now).unwrap_or_default(),
            _ => {}
        }
    }
    Some(files.export_all())
}

/// The parts of a form: name and content.
fn parts<'b>(body: &'b [u8], boundary: &str) -> Vec<(String, &'b [u8])> {
    let mark = format!("--{boundary}");
    let finder = memchr::memmem::Finder::new(mark.as_bytes());
    let starts: Vec<usize> = finder.find_iter(body).collect();
    let mut parts = Vec::new();
    for pair in starts.windows(2) {
        let Some(part) = body.get(pair[0] + mark.len()..pair[1]) else { continue };
        let Some(end) = memchr::memmem::find(part, b"\r\n\r\n") else { continue };
        let (head, content) = part.split_at(end);
        let content = content.get(4..).unwrap_or_default();
        let content = content.strip_suffix(b"\r\n").unwrap_or(content);
        let head = String::from_utf8_lossy(head);
        let name = head.split([';', '\r', '\n']).find_map(|parameter| parameter.trim().strip_prefix("name="));
        if let Some(name) = name {
            parts.push((name.trim_matches('"').to_owned(), content));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_context() {
        let mut inner = Files::new();
        inner.write("/x", bytes::Bytes::from_static(b"1"), 0o644, Timestamp::UNIX_EPOCH).expect("a file");
        let mut body = b"--b\r\nContent-Disposition: form-data; name=\"Dockerfile\"; filename=\"D\"\r\n\r\nFROM a\r\n--b\r\n".to_vec();
        body.extend(b"Content-Disposition: form-data; name=\"Context\"\r\nContent-Type: application/x-tar\r\n\r\n");
        body.extend(inner.export_all());
        body.extend(b"\r\n--b--\r\n");
        let archive = context(&body, "multipart/form-data; boundary=b", Timestamp::UNIX_EPOCH).expect("a form");
        let mut files = Files::new();
        files.extract("/", &archive, ExtractOptions::default(), Timestamp::UNIX_EPOCH).expect("an archive");
        assert_eq!((files.read("/Dockerfile").as_deref(), files.exists("/x")), (Ok(b"FROM a".as_slice()), true));
        for media in ["application/x-tar", "multipart/form-data", "multipart/form-data; boundary="] {
            assert!(context(&body, media, Timestamp::UNIX_EPOCH).is_none(), "{media}");
        }
    }
}
