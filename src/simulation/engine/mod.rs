//! Containers and the engines that keep them, as far as anybody outside can tell them from real ones.
//!
//! In come a [`ContainerPlan`] and the words of a command or the bytes of an API connection; out go the answers of
//! the real programs, processes and mounts on the machine, and files on its disk. The model ([`containers`],
//! [`container`], [`image`], [`belongings`], [`program`]) knows nothing of any engine's words; [`podman`] speaks
//! Podman's, [`docker`] Docker's, and [`runc`] has no engine above it. A checkpoint ([`criu`], [`pages`], [`archive`]) is a real archive of real bytes: what is lost or
//! altered on the way is missed at the restore.

pub mod archive;
pub mod belongings;
pub mod container;
pub mod containers;
pub mod criu;
mod criu_log;
pub mod disk;
pub mod docker;
pub mod events;
mod failed;
mod http;
pub mod image;
mod inside;
pub mod pages;
pub mod podman;
pub mod program;
pub mod runc;
#[cfg(test)]
mod testing;
mod time;
mod versions;
mod writing;

use std::sync::Arc;

use container::{Spec, State};
use containers::{Beginning, NotMade};
use serde_json::Value;

use crate::simulation::machine::Machine;
use crate::simulation::machine::files::{Inode, Kind, Service};
use crate::simulation::machine::programs::Program;
use crate::simulation::machine::signal::Signal;
use crate::simulation::scenario::{ContainerPlan, Engine, HostPlan, Peculiarity, Runtime, Status};

/// The engines' programs by name, and those that are in images only.
pub const PROGRAMS: &[(&str, Program)] = &[
    ("podman", |process, words| Box::pin(podman::main(process, words))),
    ("docker", |process, words| Box::pin(docker::main(process, words))),
    ("runc", |process, words| Box::pin(runc::main(process, words))),
    ("criu", |process, words| Box::pin(criu::main(process, words))),
    ("crun", |process, words| Box::pin(versions::crun(process, words))),
    ("conmon", |process, words| Box::pin(versions::conmon(process, words))),
    ("busybox", |process, words| Box::pin(inside::busybox(process, words))),
    ("redis-cli", |process, words| Box::pin(inside::redis_cli(process, words))),
];

/// Whether a host has one of these programs.
pub fn installed(plan: &HostPlan, name: &str) -> bool {
    match name {
        "podman" | "conmon" => plan.podman.is_some(),
        "docker" => plan.docker.is_some(),
        "runc" => plan.runc.is_some(),
        "criu" => plan.criu.is_some(),
        "crun" => plan.podman.is_some() && plan.runtime == Runtime::Crun,
        _ => false,
    }
}

/// Where Podman's API listens.
pub const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

/// The network that a container is on when nothing is said.
fn network_of(engine: Engine) -> &'static str {
    if engine == Engine::Docker { "bridge" } else { "podman" }
}

/// The texts in a list of JSON; none where there is no list.
fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

impl Machine {
    /// Makes a container of a scenario with all that belongs to it, and starts it if it is to run. Must be called
    /// within a tokio runtime. A container that cannot be made, because the disk is full or its name is taken, is
    /// not there.
    pub fn furnish(&self, plan: &ContainerPlan, seed: u64) {
        if let Err(error) = self.try_furnish(plan, seed) {
            tracing::warn!(host = %self.plan.name, container = plan.name, ?error, "not furnished");
        }
    }

    fn try_furnish(&self, plan: &ContainerPlan, seed: u64) -> Result<(), NotMade> {
        let containers = &self.containers;
        let images = match plan.engine {
            Engine::Podman => &containers.images,
            Engine::Docker => &containers.docker.images,
            Engine::Runc => return runc::furnish(self, plan, seed),
        };
        let image = images.provide(self, plan.workload, &plan.image)?;
        let id = crate::simulation::digest(format!("{seed}/{}/{}", plan.host, plan.name));
        let spec = Spec {
            seed: u64::from_str_radix(&id[..15], 16).unwrap_or(seed),
            id,
            name: plan.name.clone(),
            command: image.command(),
            image_name: image::with_tag(&plan.image),
            image,
            network: (!plan.peculiar.contains(&Peculiarity::HostNetwork))
                .then(|| network_of(plan.engine).to_owned()),
            runtime: if plan.engine == Engine::Docker { Runtime::Runc } else { self.plan.runtime },
            created: self.calendar(),
            create_command: ["podman", "run", "-d", "--name", &plan.name, &plan.image]
                .map(str::to_owned)
                .to_vec(),
            plan: plan.clone(),
        };
        let container = containers.create(spec)?;
        match plan.status {
            Status::Running => {
                containers.start(&container, Beginning::Anew)?;
                containers.tell(&container, "init", None);
                containers.tell(&container, "start", None);
            }
            Status::Exited => container.change(|record| {
                record.state = State::Exited;
                record.started = Some(container.created);
                record.finished = Some(container.created);
            }),
        }
        Ok(())
    }

    /// Someone else says `start`, `stop` or `remove` of a container; false where there is none of this name.
    pub fn someone(&self, order: &str, name: &str) -> bool {
        let Ok(container) = self.containers.find(name) else { return false };
        match order {
            "start"
                if container.state().live().is_none()
                    && self.containers.start(&container, Beginning::Anew).is_ok() =>
            {
                self.containers.tell(&container, "init", None);
                self.containers.tell(&container, "start", None);
            }
            "stop" if container.state() != State::Created => {
                container.change(|record| record.ending = container::Ending::Ordered);
                self.containers.signal(&container, Signal::Kill);
            }
            "remove" => self.containers.remove(&container),
            _ => {}
        }
        true
    }

    /// Lets an engine's API listen, where the engine is installed.
    pub fn start_service(self: &Arc<Self>, engine: Engine) {
        let (service, place): (Arc<dyn Service>, _) = match engine {
            _ if !self.plan.has(engine) => return,
            Engine::Podman => (Arc::new(podman::api::Api::new(Arc::downgrade(self))), PODMAN_SOCKET),
            Engine::Docker => (Arc::new(docker::api::Api::new(Arc::downgrade(self))), docker::SOCKET),
            Engine::Runc => return,
        };
        let (directory, name) = place.rsplit_once('/').unwrap_or(("/run", place));
        let Ok(directory) = disk::directory(self, directory, 0o755) else { return };
        // It replaces the socket of an earlier service.
        let _ = directory.remove(name);
        let socket = Inode::new(&self.run, Kind::Socket(service), disk::metadata(self, 0o660));
        let _ = directory.insert(name, socket);
    }

    /// An engine's API is gone; its containers run on.
    pub fn stop_service(&self, engine: Engine) {
        match engine {
            Engine::Podman => disk::remove(self, PODMAN_SOCKET),
            Engine::Docker => disk::remove(self, docker::SOCKET),
            Engine::Runc => {}
        }
    }
}
