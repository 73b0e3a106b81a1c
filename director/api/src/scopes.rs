//! Who may do what: scopes of a user against what a route needs.
//!
//! `bosh.admin` may do everything; `bosh.UUID.admin` likewise on this director. `bosh.read` may look.
//! `bosh.teams.TEAM.admin` and `.read` may do so with what belongs to the team.

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing, not even a name.
    Nobody,
    /// A name; the endpoint decides what more.
    Anybody,
    /// Administrators.
    Admin,
    /// Who may change the deployment that the path names.
    DeploymentAdmin,
    /// Who may look at the deployment that the path names.
    DeploymentRead,
    /// Whoever looks, and administrators of any team.
    List,
    /// Administrators of any team.
    AnyTeamAdmin,
    /// Whoever looks, and any member of any team.
    AnyTeam,
    /// Whoever looks.
    Read,
    /// Administrators and who has this scope.
    Scope(&'static str),
    /// Administrators and who has both of these.
    Scopes(&'static str, &'static str),
}

/// A user's scopes, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    pub admin: bool,
    pub read: bool,
    /// Teams that the user administrates, in the order of the scopes.
    pub admin_of: Vec<String>,
    pub reader_of: Vec<String>,
    others: Vec<String>,
}

impl Rights {
    /// Understands scopes on the director `uuid`; who has none has no rights.
    pub(crate) fn new(scopes: &[String], uuid: &str) -> Self {
        let mut rights = Self::default();
        for scope in scopes {
            let rest = scope.strip_prefix("bosh.").unwrap_or_default();
            let own = rest
                .strip_prefix(uuid)
                .and_then(|rest| rest.strip_prefix('.'));
            let team = rest
                .strip_prefix("teams.")
                .and_then(|team| team.rsplit_once('.'));
            match (own.unwrap_or(rest), team) {
                ("admin", _) => rights.admin = true,
                ("read", _) => rights.read = true,
                (_, Some((team, "admin"))) => rights.admin_of.push(team.to_owned()),
                (_, Some((team, "read"))) => rights.reader_of.push(team.to_owned()),
                _ => rights.others.push(scope.clone()),
            }
        }
        rights
    }

    /// Whether the need is met; `teams` are those of the deployment that the path names.
    pub(crate) fn meet(&self, need: Need, teams: &[String]) -> bool {
        let any = |own: &[String]| own.iter().any(|team| teams.contains(team));
        self.admin
            || match need {
                Need::Nobody | Need::Anybody => true,
                Need::Admin => false,
                Need::DeploymentAdmin => any(&self.admin_of),
                Need::DeploymentRead => self.read || any(&self.admin_of) || any(&self.reader_of),
                Need::List => self.read || !self.admin_of.is_empty(),
                Need::AnyTeamAdmin => !self.admin_of.is_empty(),
                Need::AnyTeam => {
                    self.read || !self.admin_of.is_empty() || !self.reader_of.is_empty()
                }
                Need::Read => self.read,
                Need::Scope(scope) => self.has(scope),
                Need::Scopes(one, two) => self.has(one) && self.has(two),
            }
    }

    fn has(&self, scope: &str) -> bool {
        self.others.iter().any(|other| other == scope)
    }

    /// Whether something of `teams` may be looked at.
    pub(crate) fn sees(&self, teams: &[String]) -> bool {
        self.meet(Need::DeploymentRead, teams)
    }

    /// Whether something of `teams` may be changed.
    pub(crate) fn administrates(&self, teams: &[String]) -> bool {
        self.meet(Need::DeploymentAdmin, teams)
    }
}

/// The scopes that would do, for people.
pub(crate) fn wanted(need: Need, uuid: &str, teams: &[String]) -> String {
    let mut all = vec!["bosh.admin".to_owned(), format!("bosh.{uuid}.admin")];
    let of_teams = |all: &mut Vec<String>, right: &str| {
        all.extend(
            teams
                .iter()
                .map(|team| format!("bosh.teams.{team}.{right}")),
        );
    };
    let readers = |all: &mut Vec<String>| {
        all.extend(["bosh.read".to_owned(), format!("bosh.{uuid}.read")]);
    };
    match need {
        Need::Nobody | Need::Anybody | Need::Admin => {}
        Need::DeploymentAdmin => of_teams(&mut all, "admin"),
        Need::DeploymentRead => {
            of_teams(&mut all, "admin");
            of_teams(&mut all, "read");
            readers(&mut all);
        }
        Need::List => {
            all.push("bosh.teams.*.admin".to_owned());
            readers(&mut all);
        }
        Need::AnyTeamAdmin => all.push("bosh.teams.*.admin".to_owned()),
        Need::AnyTeam => {
            all.extend([
                "bosh.teams.*.admin".to_owned(),
                "bosh.teams.*.read".to_owned(),
            ]);
            readers(&mut all);
        }
        Need::Read => readers(&mut all),
        Need::Scope(scope) => all.push(scope.to_owned()),
        Need::Scopes(one, two) => all.push(format!("({one} AND {two})")),
    }
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(scopes: &[&str]) -> Rights {
        let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        Rights::new(&scopes, "u-1")
    }

    #[test]
    fn scopes_give_rights() {
        let team = ["dev".to_owned()];
        assert!(rights(&["bosh.admin"]).admin && rights(&["bosh.u-1.admin"]).admin);
        assert_eq!(rights(&[]), Rights::default());
        assert!(!rights(&[]).admin && !rights(&[]).meet(Need::Read, &[]));
        assert!(!rights(&["bosh.u-2.admin"]).admin && !rights(&["admin"]).admin);
        let reader = rights(&["bosh.read"]);
        assert!(reader.meet(Need::DeploymentRead, &[]) && reader.meet(Need::List, &[]));
        assert!(!reader.meet(Need::DeploymentAdmin, &team) && !reader.meet(Need::Admin, &team));
        let admin = rights(&["bosh.teams.dev.admin"]);
        assert!(admin.meet(Need::DeploymentAdmin, &team) && admin.meet(Need::AnyTeamAdmin, &[]));
        assert!(!admin.meet(Need::DeploymentAdmin, &[]) && !admin.meet(Need::Read, &team));
        let member = rights(&["bosh.teams.dev.read"]);
        assert!(member.meet(Need::DeploymentRead, &team) && member.meet(Need::AnyTeam, &[]));
        assert!(!member.meet(Need::List, &team) && !member.administrates(&team));
        let uploader = rights(&["bosh.releases.upload"]);
        assert!(uploader.meet(Need::Scope("bosh.releases.upload"), &[]));
        assert!(!uploader.meet(Need::Scope("bosh.stemcells.upload"), &[]));
        let both = Need::Scopes("bosh.dynamic-disks.create", "bosh.dynamic-disks.attach");
        assert!(!rights(&["bosh.dynamic-disks.create"]).meet(both, &[]));
        let all = ["bosh.dynamic-disks.attach", "bosh.dynamic-disks.create"];
        assert!(rights(&all).meet(both, &[]));
        assert!(
            wanted(both, "u", &[])
                .ends_with(", (bosh.dynamic-disks.create AND bosh.dynamic-disks.attach)")
        );
    }
}
