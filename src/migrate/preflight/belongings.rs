//! What belongs to the container and has to be there, too: image, secrets, volumes, directories of the host.

use super::{Destination, Image, List, Source};
use crate::engine::Mount;
use crate::migrate::probe::FileKind;

pub(super) fn belongings(list: &mut List, source: &Source, destination: &Destination) {
    let image = &source.container.image_name;
    let (here, there) = (Some(&source.host), Some(&destination.host));
    match destination.image {
        Image::Present => list.pass("image", format!("{image} is on {}", destination.host)),
        Image::Tag => {
            list.found("image", there, format!("the image is there and gets its name {image}"), &[]);
        }
        Image::Ship => list.found(
            "image",
            there,
            format!("{image} is not there and is shipped first, while the container runs"),
            &[],
        ),
        Image::ShipNameless => {
            let seen = format!("another image is called {image} there; ours is shipped without the name");
            list.found("image", there, seen, &[]);
        }
    }
    for secret in &destination.missing_secrets {
        let seen =
            format!("secret {secret} is missing there, and drover does not read secrets to carry them");
        list.found("secret", there, seen, &[("secret", secret)]);
    }
    let kind = |binds: &[(String, FileKind)], path: &str| {
        binds.iter().find(|(known, _)| known == path).map(|(_, kind)| *kind)
    };
    for mount in &source.container.mounts {
        match mount {
            Mount::Bind { source: path, .. } => {
                let (ours, theirs) = (kind(&source.binds, path), kind(&destination.binds, path));
                let blanks = [("path", path.as_str())];
                match (ours, theirs) {
                    (_, Some(FileKind::Missing) | None) => {
                        list.found("bind-missing", there, format!("{path} is missing"), &blanks);
                    }
                    (Some(ours), Some(theirs)) if ours != theirs && ours != FileKind::Missing => {
                        let seen = format!("{path} is {} there and {} here", word(theirs), word(ours));
                        list.found("bind-kind", there, seen, &blanks);
                    }
                    _ => list.found("bind", None, format!("{path} is mounted from the host"), &blanks),
                }
            }
            Mount::Volume { name, .. } => {
                let blanks = [("volume", name.as_str())];
                let foreign = &source.container.particulars.foreign_volumes;
                if let Some((_, driver)) = foreign.iter().find(|(volume, _)| volume == name) {
                    list.found("volume-driver", here, format!("volume {name} has the driver {driver}"), &[]);
                } else if destination.volumes.contains(name) {
                    list.found("volume-exists", there, format!("a volume {name} is there already"), &blanks);
                } else {
                    list.found("volume", here, format!("volume {name} belongs to it"), &[]);
                }
            }
            Mount::Other { .. } => {}
        }
    }
}

fn word(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Missing => "missing",
        FileKind::File => "a file",
        FileKind::Directory => "a directory",
        FileKind::Socket => "a socket",
        FileKind::Other => "something else",
    }
}
