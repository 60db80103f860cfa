//! The shapes of answers, as Podman 5.4.2 gave them on a host of the lab: every key with the type of its value.

use super::*;

/// `key: type` of every field, sorted; of lists the first element only. Keys that are ids or names are `*`.
fn shape(value: &Value, path: &str, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_id = key.len() == 64
                    || key == "podman"
                    || key.ends_with("/tcp")
                    || key.parse::<u16>().is_ok()
                    || key.starts_with("drover.");
                shape(value, &format!("{path}.{}", if is_id { "*" } else { key }), lines);
            }
        }
        Value::Array(values) => {
            for value in values.iter().take(1) {
                shape(value, &format!("{path}[]"), lines);
            }
        }
        // A list or a table that is empty is null in one place and missing in another.
        Value::Null => lines.push(path.to_owned()),
        Value::Bool(_) => lines.push(format!("{path}: bool")),
        Value::Number(_) => lines.push(format!("{path}: number")),
        Value::String(_) => lines.push(format!("{path}: text")),
    }
}

fn shapes(value: &Value) -> String {
    let mut lines = Vec::new();
    shape(value, "", &mut lines);
    lines.sort();
    lines.dedup();
    lines.join("\n") + "\n"
}

fn same(ours: &Value, fixture: &str) {
    let theirs: Value = serde_json::from_str(fixture).unwrap();
    let (ours, theirs) = (shapes(ours), shapes(&theirs));
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    let missing: Vec<_> = theirs.iter().filter(|line| !ours.contains(line)).collect();
    let added: Vec<_> = ours.iter().filter(|line| !theirs.contains(line)).collect();
    assert!(missing.is_empty() && added.is_empty(), "missing: {missing:#?}\nnot in Podman's: {added:#?}");
}

#[tokio::test(start_paused = true)]
async fn answers_have_the_shape_of_the_real_ones() {
    let machine = machine_for_tests();
    machine.furnish(&plan("counter", Workload::Counter), 1);
    let volumes = vec![VolumePlan { name: "data".into(), size: 1, path: "/data".into() }];
    machine.furnish(&ContainerPlan { volumes, labels: BTreeMap::new(), ..plan("vol", Workload::Counter) }, 1);
    let value = async |words: &str| serde_json::from_str::<Value>(&said(&machine, words).await).unwrap();
    same(
        &json(&machine, "/v4.0.0/libpod/containers/counter/json").await,
        include_str!("libpod_inspect.json"),
    );
    same(&json(&machine, "/v1.41/containers/counter/json").await, include_str!("docker_inspect.json"));
    said(&machine, "container checkpoint --keep --export /tmp/a.tar vol").await;
    same(&value("container inspect vol").await, include_str!("inspect.json"));
    said(&machine, "rm -f vol counter").await;
    machine.furnish(&ContainerPlan { ports: vec![6379], ..plan("redis", Workload::Redis) }, 1);
    same(&value("ps -a --format json").await, include_str!("ps.json"));
    same(&value("network inspect podman").await, include_str!("network.json"));
    same(&value("info --format json").await, include_str!("info.json"));
    // Ours say in a label what runs in them.
    let mut images = value("images --format json").await;
    images[0]["Labels"] = Value::Null;
    same(&images, include_str!("images.json"));
    same(&json(&machine, "/v4.0.0/libpod/containers/json?all=true").await, include_str!("libpod_list.json"));
    same(&json(&machine, "/v1.41/containers/json?all=true").await, include_str!("docker_list.json"));
    same(&json(&machine, "/version").await, include_str!("version.json"));
}

/// Another client than ours reads what is said to Docker's clients.
#[tokio::test(start_paused = true)]
async fn docker_s_client_understands_the_answers() {
    use bollard::models::{ContainerInspectResponse, ContainerSummary, EventMessage, SystemVersion};

    let machine = machine_for_tests();
    machine.furnish(&ContainerPlan { ports: vec![6379], ..plan("redis", Workload::Redis) }, 1);
    let listed: Vec<ContainerSummary> =
        serde_json::from_value(json(&machine, "/v1.41/containers/json?all=true").await).unwrap();
    assert_eq!(listed[0].names.as_deref(), Some(&["/redis".to_owned()][..]));
    let looked: ContainerInspectResponse =
        serde_json::from_value(json(&machine, "/v1.41/containers/redis/json").await).unwrap();
    let pid = machine.containers.find("redis").unwrap().pid().map(i64::from);
    assert_eq!(looked.state.unwrap().pid, pid);
    let version: SystemVersion = serde_json::from_value(json(&machine, "/version").await).unwrap();
    assert_eq!(version.api_version.as_deref(), Some("1.41"));
    for event in machine.containers.events.past() {
        let read: EventMessage = serde_json::from_value(super::super::docker::event(&event)).unwrap();
        assert_eq!(read.actor.unwrap().id, Some(event.id));
    }
}
