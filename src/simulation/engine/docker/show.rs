//! `docker ps`, `inspect`, `images`, `info` and their like: what there is, as tables, templates and JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::arguments::{parse, some};
use super::{
    Done, Failed, Refused, belongings, daemon, host, output, transfer, values, version as own_version,
};
use crate::simulation::engine::image::Image;
use crate::simulation::engine::podman::fill_template;
use crate::simulation::engine::time::{go, human};
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;

/// A list in the form that was asked for: JSON lines, a template for each row, or a table of some fields.
pub(super) fn list(
    command: &str,
    format: Option<&str>,
    head: &[(&str, &str)],
    rows: &[Value],
) -> Result<String, Failed> {
    let cell = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match format {
        Some("json" | "{{json .}}") => Ok(rows.iter().map(|row| go_json(row) + "\n").collect()),
        Some(wanted) if wanted != "table" => {
            let fill = |template: &str, row: &Value| {
                fill_template(command, template, row)
                    .map_err(|text| Failed::new(format!("failed to execute {text}")))
            };
            let Some(template) = wanted.strip_prefix("table ") else {
                return rows.iter().map(|row| Ok(fill(wanted, row)? + "\n")).collect();
            };
            let heads: Map<String, Value> =
                HEADS.iter().map(|(key, head)| ((*key).to_owned(), json!(head))).collect();
            let heads = Value::Object(heads);
            let filled = std::iter::once(&heads).chain(rows).map(|row| fill(template, row));
            let split = filled
                .map(|line| Ok(line?.split('\t').map(str::to_owned).collect()))
                .collect::<Result<Vec<_>, Failed>>()?;
            Ok(output::table(&split, 10))
        }
        _ => {
            let heads: Vec<&str> = head.iter().map(|(head, _)| *head).collect();
            Ok(output::listed(
                &heads,
                rows.iter().map(|row| head.iter().map(|(_, key)| cell(row, key)).collect()),
            ))
        }
    }
}

/// The headings of fields in a table of one's own.
const HEADS: [(&str, &str); 16] = [
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("RunningFor", "CREATED"),
    ("Status", "STATUS"),
    ("State", "STATE"),
    ("Ports", "PORTS"),
    ("Names", "NAMES"),
    ("Labels", "LABELS"),
    ("Mounts", "MOUNTS"),
    ("Networks", "NETWORKS"),
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Size", "SIZE"),
    ("Name", "NAME"),
];

/// JSON as Go writes it: signs of HTML are escaped.
fn go_json(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

pub(super) fn ago(machine: &Machine, at: Duration) -> String {
    human(machine.calendar().saturating_sub(at)) + " ago"
}

/// `docker inspect`, of one kind of things or of all.
pub(super) async fn inspect(process: &mut Process, kind: &str, words: &[&str]) -> Done {
    let arguments = parse("inspect", "format/f= type= size/s", words)?;
    some("inspect", &arguments.words)?;
    let machine = process.machine.clone();
    let kind = arguments.value("type").unwrap_or(kind);
    say(process, arguments.value("format"), &arguments.words, |wanted| {
        let container = || Ok(values::inspected(&machine, &*daemon::find(&machine, wanted)?));
        let image =
            || machine.containers.docker.images.find(wanted).map(|image| belongings::inspected_image(&image));
        match kind {
            "container" => container(),
            "image" => image().ok_or_else(|| transfer::no_such_image(wanted)),
            _ => container()
                .ok()
                .or_else(image)
                .or_else(|| {
                    machine.containers.docker.volumes.get(wanted).map(|volume| belongings::volume(&volume))
                })
                .or_else(|| belongings::network(&machine, wanted))
                .ok_or_else(|| Refused::internal(String::new())),
        }
    })
    .await
}

/// Prints what was found of all that was asked, then what was not.
pub(super) async fn say(
    process: &mut Process,
    format: Option<&str>,
    words: &[&str],
    look: impl Fn(&str) -> Result<Value, Refused>,
) -> Done {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for wanted in words {
        match look(wanted) {
            Ok(value) => found.push(value),
            Err(refused) if refused.message.is_empty() => {
                errors.push(format!("Error: No such object: {wanted}"))
            }
            Err(refused) => errors.push(format!("Error response from daemon: {}", refused.message)),
        }
    }
    let text = match format {
        None | Some("json") if found.is_empty() => "[]\n".into(),
        None => output::indented(&Value::Array(found)),
        Some("json") => Value::Array(found).to_string() + "\n",
        Some(format) => {
            let mut text = String::new();
            for value in &found {
                let filled = fill_template("inspect", format, value);
                text.push_str(
                    &(filled.map_err(|text| Failed::new(format!("\ntemplate parsing error: {text}")))?
                        + "\n"),
                );
            }
            if found.is_empty() { "\n".into() } else { text }
        }
    };
    process.out(text).await?;
    if errors.is_empty() { Ok(()) } else { Err(Failed::new(errors.join("\n"))) }
}

/// `docker images`
pub(super) async fn images(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("images", "all/a quiet/q format= filter/f= no-trunc digests", words)?;
    let machine = process.machine.clone();
    let full = arguments.has("no-trunc");
    let id = |image: &Image| {
        if full { format!("sha256:{}", image.id) } else { image.id.chars().take(12).collect() }
    };
    let mut rows = Vec::new();
    for image in machine.containers.docker.images.all() {
        let names =
            if image.names.is_empty() { vec!["<none>:<none>".to_owned()] } else { image.names.clone() };
        for name in names {
            let (repository, tag) = name.rsplit_once(':').unwrap_or((&name, "latest"));
            if arguments.words.first().is_some_and(|wanted| *wanted != repository && *wanted != name) {
                continue;
            }
            let made = Duration::from_secs(u64::try_from(belongings::made(&image)).unwrap_or_default());
            rows.push(json!({
                "Containers": "N/A",
                "CreatedAt": go(made),
                "CreatedSince": ago(&machine, made),
                "Digest": "<none>",
                "ID": id(&image),
                "Repository": repository,
                "SharedSize": "N/A",
                "Size": output::size(image.size, 3),
                "Tag": tag,
                "UniqueSize": "N/A",
                "VirtualSize": output::size(image.size, 4),
            }));
        }
    }
    let text = if arguments.has("quiet") {
        rows.iter()
            .map(|row| format!("{}\n", row.get("ID").and_then(Value::as_str).unwrap_or_default()))
            .collect()
    } else {
        const HEAD: [(&str, &str); 5] = [
            ("REPOSITORY", "Repository"),
            ("TAG", "Tag"),
            ("IMAGE ID", "ID"),
            ("CREATED", "CreatedSince"),
            ("SIZE", "Size"),
        ];
        list("images", arguments.value("format"), &HEAD, &rows)?
    };
    process.out(text).await?;
    Ok(())
}

/// What `docker version` says of itself.
pub(super) fn client_version(machine: &Machine) -> String {
    format!(
        "Client:\n Version:           {}\n API version:       {}\n Go version:        go1.24.4\n Git commit:        a72d7cd\n \
         Built:             Thu Aug 13 05:35:47 2026\n OS/Arch:           linux/{}\n Context:           default\n",
        own_version(machine),
        host::API_VERSION,
        host::architecture(machine)
    )
}

/// `docker version`
pub(super) async fn version(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("version", "format/f=", words)?;
    let machine = process.machine.clone();
    let (version, architecture) = (own_version(&machine), host::architecture(&machine));
    let client = json!({
        "Version": version,
        "ApiVersion": host::API_VERSION,
        "DefaultAPIVersion": host::API_VERSION,
        "GitCommit": "a72d7cd",
        "GoVersion": "go1.24.4",
        "Os": "linux",
        "Arch": architecture,
        "BuildTime": "Thu Aug 13 05:35:47 2026",
        "Context": "default",
    });
    let value = json!({ "Client": client, "Server": host::versions(&machine) });
    let text = match arguments.value("format") {
        Some("json") => value.to_string() + "\n",
        Some(format) => fill_template("version", format, &value).map_err(Failed::new)? + "\n",
        None => {
            let runc = host::runc_version(&machine);
            format!(
                "{}\nServer:\n Engine:\n  Version:          {version}\n  API version:      {} (minimum version {})\n  \
                 Go version:       go1.24.4\n  Git commit:       411e817\n  Built:            Thu Aug 13 05:35:47 2026\n  \
                 OS/Arch:          linux/{architecture}\n  Experimental:     true\n containerd:\n  \
                 Version:          1.7.24~ds1\n  GitCommit:        1.7.24~ds1-6+deb13u1\n runc:\n  \
                 Version:          {runc}\n  GitCommit:        {runc}-2+b4\n docker-init:\n  Version:          0.19.0\n  \
                 GitCommit:        \n",
                client_version(&machine),
                host::API_VERSION,
                host::OLDEST_API_VERSION
            )
        }
    };
    process.out(text).await?;
    Ok(())
}

/// `docker info`
pub(super) async fn info(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("info", "format/f=", words)?;
    let machine = process.machine.clone();
    let value = host::info(&machine);
    let text = match arguments.value("format") {
        Some("json" | "{{json .}}") => value.to_string() + "\n",
        Some(format) => fill_template("info", format, &value).map_err(Failed::new)? + "\n",
        None => {
            let at = |key: &str| match value.get(key) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            format!(
                "Client:\n Version:    {0}\n Context:    default\n Debug Mode: false\n\nServer:\n Containers: {1}\n  \
                 Running: {2}\n  Paused: {3}\n  Stopped: {4}\n Images: {5}\n Server Version: {0}\n \
                 Storage Driver: overlay2\n  Backing Filesystem: extfs\n  Supports d_type: true\n  Using metacopy: false\n  \
                 Native Overlay Diff: true\n  userxattr: false\n Logging Driver: json-file\n Cgroup Driver: cgroupfs\n \
                 Cgroup Version: {6}\n Swarm: inactive\n Runtimes: io.containerd.runc.v2 runc\n Default Runtime: runc\n \
                 Init Binary: docker-init\n Kernel Version: {7}\n Operating System: {8}\n OSType: linux\n \
                 Architecture: {9}\n CPUs: {10}\n Total Memory: {11}\n Name: {12}\n ID: {13}\n \
                 Docker Root Dir: /var/lib/docker\n Debug Mode: false\n Experimental: true\n Insecure Registries:\n  \
                 127.0.0.0/8\n Live Restore Enabled: false\n\n",
                own_version(&machine),
                at("Containers"),
                at("ContainersRunning"),
                at("ContainersPaused"),
                at("ContainersStopped"),
                at("Images"),
                at("CgroupVersion"),
                at("KernelVersion"),
                at("OperatingSystem"),
                at("Architecture"),
                at("NCPU"),
                output::binary(machine.plan.memory),
                at("Name"),
                at("ID"),
            )
        }
    };
    process.out(text).await?;
    Ok(())
}
