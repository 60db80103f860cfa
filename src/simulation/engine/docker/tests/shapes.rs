//! The shapes of answers, as Docker 26.1.5 gave them on a host of the lab: every key with the type of its value.

use super::*;

/// `key: type` of every field, sorted; of lists the first element only. Keys that are ids or names are `*`.
fn shape(value: &Value, path: &str, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_id = key.len() == 64 || key.ends_with("/tcp") || key.starts_with("drover.");
                shape(value, &format!("{path}.{}", if is_id { "*" } else { key }), lines);
            }
        }
        Value::Array(values) => {
            for value in values.iter().take(1) {
                shape(value, &format!("{path}[]"), lines);
            }
        }
        // The lab's images have no labels, those here have one.
        _ if path.ends_with(".Labels") || path.ends_with(".Labels.*") => {}
        Value::Null => lines.push(path.to_owned()),
        Value::Bool(_) => lines.push(format!("{path}: bool")),
        Value::Number(_) => lines.push(format!("{path}: number")),
        Value::String(_) => lines.push(format!("{path}: text")),
    }
}

fn shapes(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    shape(value, "", &mut lines);
    lines.retain(|line| !line.contains(".Labels"));
    lines.sort();
    lines.dedup();
    lines
}

fn same(ours: &Value, fixture: &str) {
    let theirs: Value = serde_json::from_str(fixture).unwrap();
    let (ours, theirs) = (shapes(ours), shapes(&theirs));
    let missing: Vec<_> = theirs.iter().filter(|line| !ours.contains(line)).collect();
    let added: Vec<_> = ours.iter().filter(|line| !theirs.contains(line)).collect();
    assert!(missing.is_empty() && added.is_empty(), "missing: {missing:#?}\nnot in Docker's: {added:#?}");
}

#[tokio::test(start_paused = true)]
async fn answers_have_the_shape_of_the_real_ones() {
    let machine = machine_for_tests();
    let volumes = vec![VolumePlan { name: "vol1".into(), size: 0, path: "/data".into() }];
    machine
        .furnish(&ContainerPlan { ports: vec![6379], volumes, ..docker_plan("redis", Workload::Redis) }, 1);
    same(&get(&machine, "/v1.45/containers/json?all=1").await, include_str!("list.json"));
    same(&get(&machine, "/v1.45/containers/redis/json").await, include_str!("inspect.json"));
    same(&get(&machine, "/v1.45/containers/redis/top").await, include_str!("top.json"));
    same(&get(&machine, "/version").await, include_str!("version.json"));
    same(&get(&machine, "/v1.45/info").await, include_str!("info.json"));
    same(&get(&machine, "/v1.45/images/json").await, include_str!("images.json"));
    same(
        &get(&machine, "/v1.45/images/localhost/drover/redis:latest/json").await,
        include_str!("image.json"),
    );
    same(&get(&machine, "/v1.45/networks/bridge").await, include_str!("network.json"));
    same(&get(&machine, "/v1.45/volumes").await, include_str!("volumes.json"));
    let value = async |words: &str| serde_json::from_str::<Value>(&said(&machine, words).await).unwrap();
    same(&value("ps -a --format json").await, include_str!("ps_command.json"));
    same(&value("images --format json").await, include_str!("images_command.json"));
    same(&value("version --format json").await, include_str!("version_command.json"));
    same(&value("stats --no-stream --format json").await, include_str!("stats_command.json"));
    same(&value("volume ls --format json").await, include_str!("volumes_command.json"));
    same(
        &value("events --since 5m --until 0s --filter event=start --format json").await,
        include_str!("event.json"),
    );
}
