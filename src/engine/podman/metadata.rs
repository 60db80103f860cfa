//! The metadata of a checkpoint archive, made from Podman's own records while the container runs.
//!
//! `libpod/container_internal_common.go` writes into an archive: `config.dump`, the JSON of the container's configuration;
//! `spec.dump`, the runtime's configuration; `network.status`, the state of its networks; a tar file for each volume; and
//! the images under `checkpoint/`, of which a restore looks only for `inventory.img` before it calls the runtime. The
//! first and third are in Podman's SQLite database (`libpod/sqlite_state.go`), in its schema 1.

use std::io::Read;

use rusqlite::{Connection, MAIN_DB, OptionalExtension};
use serde_json::Value;

use crate::engine::{Inspected, Metadata, Mount};
use crate::ssh::{Command, Remote};

/// Larger than any host's database: 10 KiB for each container.
const LARGEST: u64 = 256 << 20;

/// Reads the records from the host and makes the archive.
pub async fn read(remote: &dyn Remote, container: &Inspected) -> Result<Metadata, String> {
    // …/overlay-containers/ID/userdata
    let mut components = container.static_directory.rsplitn(4, '/');
    let root = components.nth(3).filter(|root| root.starts_with('/'));
    let root = root.ok_or("Podman does not say where it keeps the container")?;
    let script = include_str!("metadata.sh");
    let command = Command::script(script, [root, &container.static_directory]);
    let packed = remote.run(&command).await.map_err(|error| error.to_string())?;
    let volumes: Vec<&str> = container
        .mounts
        .iter()
        .filter_map(|mount| match mount {
            Mount::Volume { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let archive = archive(&packed, &container.id.0, &volumes)
        .map_err(|cause| format!("Podman's records of the container cannot be read: {cause}"))?;
    Ok(Metadata { archive })
}

fn archive(packed: &[u8], id: &str, volumes: &[&str]) -> anyhow::Result<Vec<u8>> {
    let (mut database, mut specification) = (Vec::new(), Vec::new());
    let mut members = tar::Archive::new(flate2::read::GzDecoder::new(packed).take(LARGEST));
    for member in members.entries()? {
        let mut member = member?;
        let into = match member.path()?.to_str() {
            Some("db.sql") => &mut database,
            Some("config.json") => &mut specification,
            _ => continue,
        };
        member.read_to_end(into)?;
    }
    let (configuration, networks) = records(&database, id)?;
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, content)
    };
    add("config.dump", &configuration)?;
    add("spec.dump", &specification)?;
    if let Some(networks) = networks {
        add("network.status", &networks)?;
    }
    add("checkpoint/inventory.img", b"")?;
    for volume in volumes {
        // Two empty blocks: a tar file without members.
        add(&format!("volumes/{volume}.tar"), &[0; 1024])?;
    }
    Ok(archive.into_inner()?)
}

/// The configuration and the state of the networks of one container.
fn records(database: &[u8], id: &str) -> anyhow::Result<(Vec<u8>, Option<Vec<u8>>)> {
    let mut connection = Connection::open_in_memory()?;
    connection.deserialize_read_exact(MAIN_DB, database, database.len(), true)?;
    let schema: i64 = connection.query_row("SELECT SchemaVersion FROM DBConfig", [], |row| row.get(0))?;
    anyhow::ensure!(schema == 1, "the database has schema {schema}, not 1");
    // Text or bytes: Podman writes both.
    let read = |table: &str| -> anyhow::Result<Value> {
        let query = format!("SELECT CAST(JSON AS BLOB) FROM {table} WHERE ID = ?1");
        let json: Option<Vec<u8>> = connection.query_row(&query, [id], |row| row.get(0)).optional()?;
        Ok(serde_json::from_slice(&json.ok_or_else(|| anyhow::anyhow!("{table} does not know it"))?)?)
    };
    let mut configuration = read("ContainerConfig")?;
    let own = id.get(..12).unwrap_or(id);
    // A restore adds this alias by itself.
    if let Some(networks) = configuration.get_mut("newNetworks").and_then(Value::as_object_mut) {
        for network in networks.values_mut().filter_map(Value::as_object_mut) {
            if let Some(aliases) = network.get_mut("aliases").and_then(Value::as_array_mut) {
                aliases.retain(|alias| alias.as_str() != Some(own));
                if aliases.is_empty() {
                    network.remove("aliases");
                }
            }
        }
    }
    let networks = read("ContainerState")?.get("networkStatus").map(serde_json::to_vec).transpose()?;
    Ok((serde_json::to_vec(&configuration)?, networks))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn database() -> Vec<u8> {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                r#"CREATE TABLE DBConfig(SchemaVersion INTEGER); INSERT INTO DBConfig VALUES (1);
                CREATE TABLE ContainerConfig(ID TEXT, JSON TEXT); CREATE TABLE ContainerState(ID TEXT, JSON TEXT);
                INSERT INTO ContainerConfig VALUES ('931d92fd52babeef',
                    '{"id":"931d92fd52babeef","newNetworks":{"podman":{"aliases":["931d92fd52ba"],"interface_name":"eth0"}}}');
                INSERT INTO ContainerState VALUES ('931d92fd52babeef',
                    CAST('{"state":3,"networkStatus":{"podman":{"interfaces":{}}}}' AS BLOB));"#,
            )
            .unwrap();
        connection.serialize(MAIN_DB).unwrap().to_vec()
    }

    fn packed(database: &[u8]) -> Vec<u8> {
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), Default::default()));
        for (name, content) in [("db.sql", database), ("config.json", b"{}")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, content).unwrap();
        }
        let mut encoder = archive.into_inner().unwrap();
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_archive_has_what_a_restore_looks_for() {
        let archive = archive(&packed(&database()), "931d92fd52babeef", &["data"]).unwrap();
        let mut archive = tar::Archive::new(&archive[..]);
        let members: Vec<(String, Vec<u8>)> = archive
            .entries()
            .unwrap()
            .map(|member| {
                let mut member = member.unwrap();
                let mut content = Vec::new();
                member.read_to_end(&mut content).unwrap();
                (member.path().unwrap().to_str().unwrap().to_owned(), content)
            })
            .collect();
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        let expected =
            ["config.dump", "spec.dump", "network.status", "checkpoint/inventory.img", "volumes/data.tar"];
        assert_eq!(names, expected);
        let configuration = String::from_utf8(members[0].1.clone()).unwrap();
        assert_eq!(
            configuration,
            r#"{"id":"931d92fd52babeef","newNetworks":{"podman":{"interface_name":"eth0"}}}"#
        );
        assert_eq!(members[2].1, br#"{"podman":{"interfaces":{}}}"#);
    }

    #[test]
    fn a_torn_or_strange_database_is_an_error() {
        let whole = database();
        assert!(records(&whole[..whole.len() / 2], "931d92fd52babeef").is_err());
        assert!(records(b"", "931d92fd52babeef").is_err());
        assert!(records(&whole, "other").unwrap_err().to_string().contains("ContainerConfig"));
    }
}
