//! The variables of an exec: the daemon's, the container's, its own, each in place of the one before.

use crate::reference::program::DEFAULT_PATH;

/// All variables in order.
pub(super) fn environment(hostname: &str, tty: bool, container: &[String], own: &[String], home: &str) -> Vec<(String, String)> {
    let mut env = vec![("PATH".to_owned(), DEFAULT_PATH.to_owned()), ("HOSTNAME".to_owned(), hostname.to_owned())];
    if tty {
        env.push(("TERM".to_owned(), "xterm".to_owned()));
    }
    for variable in container.iter().chain(own) {
        match variable.split_once('=') {
            Some((name, value)) => set(&mut env, name, value),
            // A name alone takes the variable away.
            None => env.retain(|(name, _)| name != variable),
        }
    }
    // runc sets it from the user, unless somebody did.
    if !env.iter().any(|(name, value)| name == "HOME" && !value.is_empty()) {
        set(&mut env, "HOME", home);
    }
    env
}

fn set(env: &mut Vec<(String, String)>, name: &str, value: &str) {
    match env.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => value.clone_into(old),
        None => env.push((name.to_owned(), value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latter_wins() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
        let env = environment("box", true, &texts(&["A=1", "B=2", "PATH=/bin"]), &texts(&["A=3", "B", "C=a=b"]), "/root");
        let env: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(env, ["PATH=/bin", "HOSTNAME=box", "TERM=xterm", "A=3", "C=a=b", "HOME=/root"]);
    }
}
