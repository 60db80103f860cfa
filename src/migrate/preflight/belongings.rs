//! What belongs to the container and has to be there, too: image, volumes, directories of the host.

use super::{Destination, Image, List, Source};
use crate::engine::Mount;
use crate::fleet::printable;
use crate::migrate::Severity;

pub(super) fn belongings(list: &mut List, source: &Source, destination: &Destination) {
    let image = printable(&source.container.image_name);
    match destination.image {
        Image::Present => list.pass("image", format!("{image} is on {}", destination.host)),
        Image::Tag => list.add(
            "image",
            Severity::Info,
            Some(&destination.host),
            format!("the image is there and gets its name {image}"),
            "",
        ),
        Image::Ship => list.add(
            "image",
            Severity::Info,
            Some(&destination.host),
            format!("{image} is not there and is shipped first, while the container runs"),
            "",
        ),
        Image::ShipNameless => list.add(
            "image",
            Severity::Info,
            Some(&destination.host),
            format!("another image is called {image} there; ours is shipped first, without the name"),
            "",
        ),
    }
    for secret in &destination.missing_secrets {
        let secret = printable(secret);
        list.add(
            "secret",
            Severity::Error,
            Some(&destination.host),
            format!("secret {secret} is missing there, and drover does not read secrets to carry them"),
            format!("podman secret create {secret} FILE  (on {})", destination.host),
        );
    }
    for mount in &source.container.mounts {
        match mount {
            Mount::Bind { source: path, .. } if destination.missing_binds.contains(path) => list.add(
                "bind",
                Severity::Error,
                Some(&destination.host),
                format!("{} is mounted from the host and is missing there", printable(path)),
                "copy it there, or mount the same storage",
            ),
            Mount::Bind { source: path, .. } => list.add(
                "bind",
                Severity::Warning,
                None,
                format!(
                    "{} is mounted from the host; the destination's own content is used",
                    printable(path)
                ),
                "",
            ),
            Mount::Volume { name, .. } if destination.volumes.contains(name) => list.add(
                "volume",
                Severity::Error,
                Some(&destination.host),
                format!("a volume {} is there already and would be mixed up with ours", printable(name)),
                format!("podman volume rm {}  (after a look at what it holds)", printable(name)),
            ),
            Mount::Volume { name, .. } => list.add(
                "volume",
                Severity::Warning,
                Some(&source.host),
                format!(
                    "volume {} is copied; the copy on {} stays until you remove it",
                    printable(name),
                    source.host
                ),
                "",
            ),
            Mount::Other { .. } => {}
        }
    }
}
