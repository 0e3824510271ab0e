//! The options and the environment of TLS become an address that knows how to be dialled, and a way to listen.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cli::{DialArgs, ListenArgs};
use crate::error::Error;
use crate::proxy::{Address, ClientTls, Identity, Listening, ServerTls, Trust};

/// What is dialled, and how.
#[derive(Debug, PartialEq, Eq)]
enum Dial {
    /// As the address says, without TLS.
    Clear(Address),
    /// In TLS.
    Tls { host: String, trust: Trust, identity: Option<Identity> },
}

/// The backend that was asked for, else the one of `DOCKER_HOST`, else the built-in one; with TLS as the options and the environment say.
pub(super) fn backend(asked: Option<Address>, args: &DialArgs) -> Result<Address, Error> {
    let address = match (asked, std::env::var("DOCKER_HOST")) {
        (Some(address), _) => address,
        (None, Ok(host)) if !host.is_empty() => host.parse().map_err(|why| Error::usage(format!("DOCKER_HOST: {why}")))?,
        _ => Address::Reference,
    };
    let is_there = |path: &PathBuf| path.exists();
    match dial(address, args, &|name| std::env::var_os(name).filter(|value| !value.is_empty()), &is_there)? {
        Dial::Clear(address) => Ok(address),
        Dial::Tls { host, trust, identity } => ClientTls::load(trust, identity.as_ref()).map(|tls| Address::Tls { host, tls }),
    }
}

/// Two daemons, dialled with the same options: these are for those behind TCP, of which there has to be one.
pub(super) fn backends(asked: [Address; 2], args: &DialArgs) -> Result<[Address; 2], Error> {
    let is_remote = |address: &Address| matches!(address, Address::Tcp(_) | Address::Tls { .. });
    let none = DialArgs::default();
    let any = asked.iter().any(is_remote);
    let [left, right] = asked.map(|address| backend(Some(address.clone()), if any && !is_remote(&address) { &none } else { args }));
    Ok([left?, right?])
}

/// An option of these that was typed.
pub(super) fn typed(args: &DialArgs) -> Option<&'static str> {
    let typed = [
        ("--tls", args.tls),
        ("--tlsverify", args.tlsverify),
        ("--tlscacert", args.tlscacert.is_some()),
        ("--tlscert", args.tlscert.is_some()),
        ("--tlskey", args.tlskey.is_some()),
    ];
    typed.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
}

/// As the docker CLI reads them (docker/cli, cli/flags/options.go): `DOCKER_TLS_VERIFY` and `DOCKER_TLS` count when they are not empty, whatever they
/// hold; files that are not named lie in `DOCKER_CERT_PATH`, else in the CLI's own folder; a client certificate that is not there is not shown.
/// `https://` is plimsoll's own: it verifies, by the system's authorities where there is no `ca.pem`.
fn dial(
    address: Address,
    args: &DialArgs,
    env: &dyn Fn(&str) -> Option<OsString>,
    is_there: &dyn Fn(&PathBuf) -> bool,
) -> Result<Dial, Error> {
    let files = [("--tlscacert", &args.tlscacert), ("--tlscert", &args.tlscert), ("--tlskey", &args.tlskey)];
    let file = files.iter().find(|(_, file)| file.is_some()).map(|(option, _)| *option);
    let option = if args.tlsverify { Some("--tlsverify") } else { args.tls.then_some("--tls") };
    let asked = option.is_some() || env("DOCKER_TLS_VERIFY").is_some() || env("DOCKER_TLS").is_some();
    let (host, is_https) = match address {
        Address::Tls { host, .. } => (host, true),
        Address::Tcp(host) if asked => (host, false),
        Address::Tcp(_) => {
            return match file {
                Some(file) => Err(Error::usage(format!("{file} needs --tlsverify, --tls or an https:// backend"))),
                None => Ok(Dial::Clear(address)),
            };
        }
        Address::Unix(_) | Address::Reference => {
            return match option.or(file) {
                Some(option) => Err(Error::usage(format!("{option} needs a backend at tcp:// or https://, not {address}"))),
                None => Ok(Dial::Clear(address)),
            };
        }
    };
    let folder = env("DOCKER_CERT_PATH").or_else(|| env("DOCKER_CONFIG")).map(PathBuf::from);
    let folder = folder.or_else(|| env("HOME").map(|home| PathBuf::from(home).join(".docker"))).unwrap_or_default();
    let asked_to_verify = args.tlsverify || env("DOCKER_TLS_VERIFY").is_some();
    let authorities = args.tlscacert.clone().unwrap_or_else(|| folder.join("ca.pem"));
    let trust = if !asked_to_verify && (args.tls || !is_https) {
        Trust::Anybody
    } else if !asked_to_verify && args.tlscacert.is_none() && !is_there(&authorities) {
        Trust::System
    } else {
        Trust::File(authorities)
    };
    let default = |typed: &Option<PathBuf>, name| typed.clone().or_else(|| Some(folder.join(name)).filter(is_there));
    let identity = match (default(&args.tlscert, "cert.pem"), default(&args.tlskey, "key.pem")) {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        (None, None) => None,
        (Some(certificate), None) => {
            return Err(Error::usage(format!("the certificate {} needs its key: --tlskey", certificate.display())));
        }
        (None, Some(key)) => return Err(Error::usage(format!("the key {} needs its certificate: --tlscert", key.display()))),
    };
    Ok(Dial::Tls { host, trust, identity })
}

/// How to listen on these addresses.
pub(super) fn listening(addresses: &[Address], args: &ListenArgs) -> Result<Listening, Error> {
    let tls = match (&args.listen_tlscert, &args.listen_tlskey) {
        (Some(certificate), Some(key)) => {
            if addresses.iter().all(|address| matches!(address, Address::Unix(_) | Address::Reference)) {
                return Err(Error::usage("--listen-tlscert needs --listen tcp:// or https://: a unix socket has no TLS"));
            }
            let identity = Identity { certificate: certificate.clone(), key: key.clone() };
            Some(ServerTls::load(identity, args.listen_tlscacert.as_deref())?)
        }
        // Neither without the other: clap sees to it.
        _ => None,
    };
    Ok(Listening { remote: args.allow_remote, tls, ..Listening::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `how` is options and variables as typed; the files that are there stand after `--`.
    fn dialled(address: &str, how: &str) -> String {
        let (typed, there) = how.split_once("--there").unwrap_or((how, ""));
        let mut args = DialArgs::default();
        let mut variables = vec![("HOME", "/h")];
        for word in typed.split_whitespace() {
            match word.split_once('=') {
                None if word == "--tls" => args.tls = true,
                None => args.tlsverify = true,
                Some(("--tlscacert", file)) => args.tlscacert = Some(file.into()),
                Some(("--tlscert", file)) => args.tlscert = Some(file.into()),
                Some(("--tlskey", file)) => args.tlskey = Some(file.into()),
                Some(variable) => variables.push(variable),
            }
        }
        let env = |name: &str| variables.iter().find(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value.into());
        let is_there = |path: &PathBuf| there.split_whitespace().any(|known| path.as_os_str() == known);
        match dial(address.parse().expect("an address"), &args, &env, &is_there) {
            Ok(Dial::Clear(address)) => format!("clear {address}"),
            Ok(Dial::Tls { host, trust, identity }) => {
                let shown = identity.map_or_else(String::new, |files| format!(", {} {}", files.certificate.display(), files.key.display()));
                format!("tls {host}, {trust}{shown}")
            }
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn options_and_environment_are_read_as_the_docker_cli_does() {
        for (address, how, due) in [
            ("tcp://d:2375", "", "clear tcp://d:2375"),
            ("tcp://d:2375", "DOCKER_TLS_VERIFY= DOCKER_CERT_PATH=/c", "clear tcp://d:2375"),
            ("tcp://d:2376", "--tlsverify", "tls d:2376, /h/.docker/ca.pem"),
            ("tcp://d:2376", "DOCKER_TLS_VERIFY=0", "tls d:2376, /h/.docker/ca.pem"),
            (
                "tcp://d:2376",
                "DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=/c --there /c/cert.pem /c/key.pem",
                "tls d:2376, /c/ca.pem, /c/cert.pem /c/key.pem",
            ),
            ("tcp://d:2376", "DOCKER_TLS=1", "tls d:2376, anybody"),
            ("tcp://d:2376", "--tls", "tls d:2376, anybody"),
            ("tcp://d:2376", "--tls --tlsverify --tlscacert=/x DOCKER_CONFIG=/k", "tls d:2376, /x"),
            ("tcp://d:2376", "--tlsverify DOCKER_CONFIG=/k", "tls d:2376, /k/ca.pem"),
            ("tcp://d:2376", "--tlsverify --tlscert=/a --tlskey=/b", "tls d:2376, /h/.docker/ca.pem, /a /b"),
            ("https://d:443", "", "tls d:443, the system's authorities"),
            ("https://d:443", "--there /h/.docker/ca.pem", "tls d:443, /h/.docker/ca.pem"),
            ("https://d:443", "DOCKER_TLS=1", "tls d:443, the system's authorities"),
            ("https://d:443", "--tls", "tls d:443, anybody"),
            ("unix:///s", "DOCKER_TLS_VERIFY=1", "clear unix:///s"),
            ("reference", "DOCKER_TLS_VERIFY=1", "clear reference"),
            ("unix:///s", "--tlsverify", "error: --tlsverify needs a backend at tcp:// or https://, not unix:///s"),
            ("tcp://d:2375", "--tlscacert=/x", "error: --tlscacert needs --tlsverify, --tls or an https:// backend"),
            ("tcp://d:2375", "--tlsverify --tlscert=/a", "error: the certificate /a needs its key: --tlskey"),
            ("tcp://d:2375", "--tlsverify --tlskey=/a", "error: the key /a needs its certificate: --tlscert"),
        ] {
            assert_eq!(dialled(address, how), due, "{address} {how}");
        }
    }
}
