//! Certificates, good and bad, in a folder of their own.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};

/// Authorities and what they have signed, as PEM files: `NAME.pem` and `NAME.key`.
pub(crate) struct Papers {
    dir: tempfile::TempDir,
}

type Authority = Issuer<'static, KeyPair>;

impl Papers {
    pub(crate) fn new() -> Self {
        let papers = Self { dir: tempfile::tempdir().expect("a folder") };
        let (ca, stranger) = (papers.authority("ca", "plimsoll tests"), papers.authority("stranger", "somebody else"));
        // As if somebody had made the authority anew, and copied half of the files.
        let twin = papers.authority("twin", "plimsoll tests");
        for (name, hosts, by, client) in [
            ("daemon", &["localhost", "127.0.0.1"][..], &ca, false),
            ("elsewhere", &["elsewhere.example"], &ca, false),
            ("unknown", &["localhost", "127.0.0.1"], &stranger, false),
            ("twins", &["localhost", "127.0.0.1"], &twin, false),
            ("client", &[], &ca, true),
            ("foreigner", &[], &stranger, true),
        ] {
            papers.sign(name, hosts, by, client, 2096);
        }
        papers.sign("expired", &["localhost", "127.0.0.1"], &ca, false, 2001);
        papers.sign("late", &[], &ca, true, 2001);
        std::fs::write(papers.path("empty.pem"), "nothing\n").expect("written");
        papers
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn authority(&self, name: &str, called: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, called);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).expect("written");
        Issuer::new(params, key)
    }

    fn sign(&self, name: &str, hosts: &[&str], by: &Authority, client: bool, until: i32) {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![if client { ExtendedKeyUsagePurpose::ClientAuth } else { ExtendedKeyUsagePurpose::ServerAuth }];
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, by).expect("a certificate");
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).expect("written");
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).expect("written");
    }
}
