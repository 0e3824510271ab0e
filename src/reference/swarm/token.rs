//! The secrets of a swarm: join tokens, unlock keys, and the certificate of its authority. They look right and open nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::super::ids::Ids;
use super::super::refusal::Refusal;

/// The root of trust of every swarm here: a certificate that was made for this and whose key is not kept.
const TRUST_ROOT: &str = "-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUSGrTeU4+iaoJQZD0RKNa2oGg9lgwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIc3dhcm0tY2EwHhcNMjYxMTIyMTI0NzUzWhcNNDYxMTE3MTI0
NzUzWjATMREwDwYDVQQDDAhzd2FybS1jYTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABJD8SU0jJ+vF7jXtrTFwtyyytE8QZIolixElJRedu7qIYiKaa6/UMFpjJdqx
c3So8uSv3f9HqTZLA5VL3kzjKO2jUzBRMB0GA1UdDgQWBBS47pLB7z0q+b7CmPYh
QuYFwyxhUDAfBgNVHSMEGDAWgBS47pLB7z0q+b7CmPYhQuYFwyxhUDAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIBi81W+6phGYUyQB4xU73BcPYApl
OmXzlYpDohgC+0mfAiAlZDVeBFQHdyE+MIS5HXHSNQJtihzpCqa6m/o3+mwi6g==
-----END CERTIFICATE-----
";

/// `TLSInfo` of the swarm and of its node.
pub(super) fn tls_info() -> Value {
    json!({
        "TrustRoot": TRUST_ROOT,
        "CertIssuerSubject": "MBMxETAPBgNVBAMMCHN3YXJtLWNh",
        "CertIssuerPublicKey": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEkPxJTSMn68XuNe2tMXC3LLK0TxBkiiWLESUlF527uohiIpprr9QwWmMl2rFzdKjy5K/d/0epNksDlUveTOMo7Q==",
    })
}

/// What nodes join with.
#[derive(Debug)]
pub(super) struct Tokens {
    digest: String,
    worker: String,
    manager: String,
}

impl Tokens {
    pub(super) fn new(ids: &mut Ids) -> Self {
        let digest = format!("{}{}", ids.base36(), ids.base36());
        Self { digest, worker: ids.base36(), manager: ids.base36() }
    }

    pub(super) fn rotate_worker(&mut self, ids: &mut Ids) {
        self.worker = ids.base36();
    }

    pub(super) fn rotate_manager(&mut self, ids: &mut Ids) {
        self.manager = ids.base36();
    }

    /// `JoinTokens` of inspect.
    pub(super) fn write(&self) -> Value {
        let token = |secret: &str| format!("SWMTKN-1-{}-{secret}", self.digest);
        json!({ "Worker": token(&self.worker), "Manager": token(&self.manager) })
    }
}

/// Refuses what is no join token; none at all is one that the other side looks at.
pub(super) fn check_token(token: &str) -> Result<(), Refusal> {
    let base36 = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'));
    let right = match token.split('-').collect::<Vec<_>>().as_slice() {
        [""] => true,
        ["SWMTKN", "1", digest, secret] | ["SWMTKN", "2", _, digest, secret] => base36(digest, 50) && base36(secret, 25),
        _ => false,
    };
    if right { Ok(()) } else { Err(Refusal::server_error("invalid join token")) }
}

/// A key that unlocks a manager.
pub(super) fn unlock_key(ids: &mut Ids) -> String {
    let bytes: Vec<u8> = (0..32).map(|_| u8::try_from(ids.below(256)).unwrap_or_default()).collect();
    format!("SWMKEY-1-{}", STANDARD_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_look_right() {
        let mut ids = Ids::new(Some(1));
        let mut tokens = Tokens::new(&mut ids);
        let before = tokens.write();
        for member in ["Worker", "Manager"] {
            let token = before[member].as_str().expect("a token");
            assert_eq!((token.len(), check_token(token)), (85, Ok(())), "{token}");
        }
        tokens.rotate_worker(&mut ids);
        let after = tokens.write();
        assert_ne!(before["Worker"], after["Worker"]);
        assert_eq!(before["Manager"], after["Manager"]);
        assert!(check_token("").is_ok() && check_token("x").is_err() && check_token("SWMTKN-1-x-y").is_err());
        assert_eq!(unlock_key(&mut ids).len(), 9 + 43);
    }
}
