//! `POST /auth`: logging in to the registry in memory, which believes everybody who has a password, but for `wrong`.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::refusal::Refusal;

/// `GET /auth` of 1.0 and 1.1: nobody is remembered.
pub(super) fn whoami() -> Answer {
    Answer::json(json!({ "username": "", "password": "", "email": "" }))
}

/// dockerd does not look at the media type here.
pub(super) fn answer(call: &Call, body: &[u8]) -> Result<Answer, Refusal> {
    let status = if call.since(44) { 400 } else { 500 };
    if body.is_empty() {
        return Err(Refusal::new(status, "EOF"));
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| Refusal::new(status, format!("invalid JSON: {error}")))?;
    let body = Document(&body);
    let asked = body.text("serveraddress");
    let registry = Registry::parse(asked)?;
    registry.reach()?;
    let token = !body.text("identitytoken").is_empty() || !body.text("registrytoken").is_empty();
    let (user, password) = (body.text("username"), body.text("password"));
    if token || (!user.is_empty() && !password.is_empty() && password != "wrong") {
        return Ok(Answer::json(json!({ "IdentityToken": "", "Status": "Login Succeeded" })));
    }
    Err(registry.unauthorized())
}

/// Where to log in.
#[derive(Debug, PartialEq, Eq)]
struct Registry {
    host: String,
    port: String,
    hub: bool,
}

impl Registry {
    fn parse(address: &str) -> Result<Self, Refusal> {
        let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.starts_with('[') && !authority.contains(']') {
            return Err(Refusal::bad_parameter(format!("unable to parse server address: parse \"{address}\": missing ']' in host")));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (authority, ""),
        };
        let hub = ["", "docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"].contains(&host);
        Ok(Self { host: if hub { "registry-1.docker.io".to_owned() } else { host.to_owned() }, port: port.to_owned(), hub })
    }

    fn is_local(&self) -> bool {
        ["localhost", "127.0.0.1", "[::1]"].contains(&self.host.as_str())
    }

    /// The registry in memory stands for Docker Hub, and for port 5000 of this machine; nobody else listens.
    fn reach(&self) -> Result<(), Refusal> {
        let Self { host, port, .. } = self;
        if self.hub || (self.is_local() && port == "5000") {
            return Ok(());
        }
        let (scheme, default) = if self.is_local() { ("http", "80") } else { ("https", "443") };
        let at = if port.is_empty() { host.clone() } else { format!("{host}:{port}") };
        let begin = format!("Get \"{scheme}://{at}/v2/\": dial tcp");
        let port = if port.is_empty() { default } else { port };
        let is_address = host.starts_with('[') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        Err(Refusal::server_error(match (self.is_local(), is_address) {
            (true, _) => format!("{begin} 127.0.0.1:{port}: connect: connection refused"),
            (false, true) => format!("{begin} {host}:{port}: connect: connection refused"),
            (false, false) => format!("{begin}: lookup {host}: no such host"),
        }))
    }

    fn unauthorized(&self) -> Refusal {
        let Self { host, port, .. } = self;
        Refusal::new(
            401,
            if self.hub {
                format!("Get \"https://{host}/v2/\": unauthorized: incorrect username or password")
            } else {
                format!("login attempt to http://{host}:{port}/v2/ failed with status: 401 Unauthorized")
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::call::{Body, Query};
    use super::*;
    use crate::catalog::Catalog;
    use crate::model::ApiVersion;

    #[test]
    fn logins_are_checked() {
        let operation = Catalog::builtin().operation("SystemAuth").expect("an operation");
        let call = Call {
            operation,
            version: ApiVersion::new(41),
            name: String::new(),
            query: Query::default(),
            headers: hyper::HeaderMap::new(),
            body: Body::memory(Bytes::new()),
        };
        for (body, expected) in [
            (r#"{"username":"a","password":"b"}"#, Ok(200)),
            (r#"{"username":"a","password":"b","serveraddress":"https://index.docker.io/v1/"}"#, Ok(200)),
            (r#"{"username":"a","password":"b","serveraddress":"localhost:5000"}"#, Ok(200)),
            (
                r#"{"username":"a","password":"wrong"}"#,
                Err((401, "Get \"https://registry-1.docker.io/v2/\": unauthorized: incorrect username or password")),
            ),
            (
                r#"{"username":"a","password":"wrong","serveraddress":"localhost:5000"}"#,
                Err((401, "login attempt to http://localhost:5000/v2/ failed with status: 401 Unauthorized")),
            ),
            (r"{}", Err((401, "Get \"https://registry-1.docker.io/v2/\": unauthorized: incorrect username or password"))),
            (
                r#"{"username":"a","password":"b","serveraddress":"registry.invalid"}"#,
                Err((500, "Get \"https://registry.invalid/v2/\": dial tcp: lookup registry.invalid: no such host")),
            ),
            (
                r#"{"username":"a","password":"b","serveraddress":"http://[::"}"#,
                Err((400, "unable to parse server address: parse \"http://[::\": missing ']' in host")),
            ),
            ("", Err((500, "EOF"))),
        ] {
            let answered = answer(&call, body.as_bytes()).map(|answer| answer.status);
            assert_eq!(
                answered.map_err(|refusal| (refusal.status, refusal.message)),
                expected.map_err(|(s, m)| (s, m.to_owned())),
                "{body}"
            );
        }
    }
}
