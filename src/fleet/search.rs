//! Where the fleet file is.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::FleetError;

/// The parts of a process's surroundings that decide which fleet file is read and what `~` means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `$DROVER_FLEET`; an empty value counts as none.
    pub fleet_variable: Option<PathBuf>,
    /// The XDG configuration directory, `~/.config` unless the user has moved it.
    pub configuration: Option<PathBuf>,
    /// The home directory.
    pub home: Option<PathBuf>,
    /// The working directory.
    pub directory: PathBuf,
}

impl Environment {
    /// That of this process. The XDG directories hold on macOS too, as for most terminal programs there.
    pub fn of_process() -> Self {
        let base = etcetera::base_strategy::Xdg::new().ok();
        Self {
            fleet_variable: std::env::var_os("DROVER_FLEET")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            configuration: base.as_ref().map(BaseStrategy::config_dir),
            home: base.as_ref().map(|base| base.home_dir().to_path_buf()),
            directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        }
    }
}

impl Environment {
    /// Where a new fleet file belongs, so that [`locate`] finds it before every other: the one asked for by
    /// `--fleet`, else `$DROVER_FLEET`, else `drover/fleet.toml` in the XDG configuration directory.
    pub fn own_fleet_file(&self, asked_for: Option<&Path>) -> PathBuf {
        match (asked_for.or(self.fleet_variable.as_deref()), &self.configuration) {
            (Some(path), _) => self.directory.join(path),
            (None, Some(configuration)) => configuration.join("drover").join("fleet.toml"),
            (None, None) => self.directory.join("fleet.toml"),
        }
    }
}

/// Finds the fleet file: the one asked for by `--fleet`, else `$DROVER_FLEET`, else `drover/fleet.toml` in
/// the XDG configuration directory, else `fleet.toml` in the working directory.
///
/// A file that was asked for by name and is not there is an error: reading another one in its place could
/// move containers in the wrong fleet.
pub fn locate(asked_for: Option<&Path>, environment: &Environment) -> Result<PathBuf, FleetError> {
    let named = [("--fleet", asked_for), ("$DROVER_FLEET", environment.fleet_variable.as_deref())];
    if let Some((origin, path)) = named.into_iter().find_map(|(origin, path)| path.map(|path| (origin, path)))
    {
        let path = environment.directory.join(path);
        return if path.exists() { Ok(path) } else { Err(FleetError::Missing { path, origin }) };
    }
    let mut looked_at = Vec::new();
    if let Some(configuration) = &environment.configuration {
        looked_at.push(configuration.join("drover").join("fleet.toml"));
    }
    looked_at.push(environment.directory.join("fleet.toml"));
    match looked_at.iter().find(|path| path.exists()) {
        Some(path) => Ok(path.clone()),
        None => Err(FleetError::NoneFound { looked_at }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(root: &Path) -> Environment {
        Environment {
            fleet_variable: None,
            configuration: Some(root.join("config")),
            home: Some(root.join("home")),
            directory: root.join("here"),
        }
    }

    fn write(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn each_place_gives_way_to_the_one_before() {
        let root = tempfile::tempdir().unwrap();
        let mut environment = environment(root.path());
        let here = root.path().join("here/fleet.toml");
        write(&here);
        assert_eq!(locate(None, &environment).unwrap(), here);

        let configured = root.path().join("config/drover/fleet.toml");
        write(&configured);
        assert_eq!(locate(None, &environment).unwrap(), configured);

        let variable = root.path().join("here/by-variable.toml");
        write(&variable);
        environment.fleet_variable = Some("by-variable.toml".into());
        assert_eq!(locate(None, &environment).unwrap(), variable);

        let flag = root.path().join("flag.toml");
        write(&flag);
        assert_eq!(locate(Some(&flag), &environment).unwrap(), flag);
    }

    #[test]
    fn a_named_file_that_is_missing_is_not_replaced_by_another() {
        let root = tempfile::tempdir().unwrap();
        let mut environment = environment(root.path());
        write(&root.path().join("here/fleet.toml"));
        environment.fleet_variable = Some("/nowhere/fleet.toml".into());
        let error = locate(None, &environment).unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no fleet file /nowhere/fleet.toml, which $DROVER_FLEET names: \
             correct the path, or leave it out to have the usual places searched"
        );
    }

    #[test]
    fn a_new_file_is_found_where_it_belongs() {
        let root = tempfile::tempdir().unwrap();
        let mut environment = environment(root.path());
        write(&root.path().join("here/fleet.toml"));
        for variable in [None, Some(PathBuf::from("by-variable.toml"))] {
            environment.fleet_variable = variable;
            let own = environment.own_fleet_file(None);
            write(&own);
            assert_eq!(locate(None, &environment).unwrap(), own);
        }
        let flag = Path::new("flag.toml");
        assert_eq!(environment.own_fleet_file(Some(flag)), root.path().join("here/flag.toml"));
        let homeless = Environment { directory: "/here".into(), ..Environment::default() };
        assert_eq!(homeless.own_fleet_file(None), Path::new("/here/fleet.toml"));
    }

    #[test]
    fn when_there_is_none_the_message_says_where_it_was_looked_for() {
        let root = tempfile::tempdir().unwrap();
        let error = locate(None, &environment(root.path())).unwrap_err().to_string();
        let error = error.replace(root.path().to_str().unwrap(), "ROOT");
        insta::assert_snapshot!(error);
    }
}
