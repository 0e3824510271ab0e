//! Users of a container: `/etc/passwd` and `/etc/group`, and what is asked by `User` of a container or exec.

use crate::reference::files::Namespace;

/// Who a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The number.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// Other groups.
    pub groups: Vec<u32>,
    /// Where it is at home.
    pub home: String,
}

impl Default for User {
    fn default() -> Self {
        Self { uid: 0, gid: 0, groups: Vec::new(), home: "/root".into() }
    }
}

impl User {
    /// The user that a text names: `user`, `uid`, `user:group`, `uid:gid`; empty is root. The error is runc's text.
    pub fn resolve(text: &str, namespace: &Namespace) -> Result<Self, String> {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let user = if user.is_empty() { "0" } else { user };
        let passwd = lines(namespace, "/etc/passwd");
        let found = passwd.iter().find(|fields| field(fields, 0) == user || field(fields, 2) == user);
        let mut resolved = match (found, user.parse()) {
            (Some(fields), _) => Self {
                uid: field(fields, 2).parse().unwrap_or_default(),
                gid: field(fields, 3).parse().unwrap_or_default(),
                groups: Vec::new(),
                home: Some(field(fields, 5)).filter(|home| !home.is_empty()).unwrap_or("/").to_owned(),
            },
            (None, Ok(uid)) => Self { uid, gid: 0, groups: Vec::new(), home: "/".into() },
            (None, Err(_)) => return Err(format!("unable to find user {user}: no matching entries in passwd file")),
        };
        let groups = lines(namespace, "/etc/group");
        if group.is_empty() {
            let name = found.map(|fields| field(fields, 0)).unwrap_or_default();
            let member = |fields: &&Vec<String>| !name.is_empty() && field(fields, 3).split(',').any(|member| member == name);
            resolved.groups = groups.iter().filter(member).filter_map(|fields| field(fields, 2).parse().ok()).collect();
        } else {
            let known = groups.iter().find(|fields| field(fields, 0) == group || field(fields, 2) == group);
            resolved.gid = match (known, group.parse()) {
                (Some(fields), _) => field(fields, 2).parse().unwrap_or_default(),
                (None, Ok(gid)) => gid,
                (None, Err(_)) => return Err(format!("unable to find group {group}: no matching entries in group file")),
            };
        }
        Ok(resolved)
    }

    /// With more groups, by name or number.
    pub fn with_groups(mut self, groups: &[String], namespace: &Namespace) -> Result<Self, String> {
        let known = lines(namespace, "/etc/group");
        for group in groups {
            let found = known.iter().find(|fields| field(fields, 0) == group || field(fields, 2) == group);
            let gid = match (found, group.parse()) {
                (Some(fields), _) => field(fields, 2).parse().unwrap_or_default(),
                (None, Ok(gid)) => gid,
                (None, Err(_)) => return Err(format!("Unable to find group {group}")),
            };
            self.groups.push(gid);
        }
        Ok(self)
    }
}

/// The name of a user's number, if `/etc/passwd` has one.
pub(crate) fn user_name(namespace: &Namespace, uid: u32) -> Option<String> {
    named(namespace, "/etc/passwd", uid)
}

/// The name of a group's number, if `/etc/group` has one.
pub(crate) fn group_name(namespace: &Namespace, gid: u32) -> Option<String> {
    named(namespace, "/etc/group", gid)
}

fn named(namespace: &Namespace, path: &str, id: u32) -> Option<String> {
    let id = id.to_string();
    lines(namespace, path).iter().find(|fields| field(fields, 2) == id).map(|fields| field(fields, 0).to_owned())
}

/// The fields of each line of a file like `/etc/passwd`.
pub(super) fn lines(namespace: &Namespace, path: &str) -> Vec<Vec<String>> {
    let content = namespace.read(path).unwrap_or_default();
    String::from_utf8_lossy(&content).lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
}

pub(super) fn field(fields: &[String], at: usize) -> &str {
    fields.get(at).map_or("", String::as_str)
}
