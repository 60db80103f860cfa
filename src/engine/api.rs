//! One HTTP question over a forwarded unix socket.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;

use crate::ssh::{Remote, RemoteError};

/// Largest answer that is read: an inspect of a container with thousands of mounts stays far below it.
const LARGEST_ANSWER: usize = 16 << 20;

/// Asks an engine's API and returns status and body.
pub async fn ask(
    remote: &dyn Remote,
    socket: &str,
    method: Method,
    path: &str,
) -> Result<(StatusCode, Bytes), RemoteError> {
    let (status, _, body) = exchange(remote, socket, method, path).await?;
    Ok((status, body))
}

/// Asks whether an API is there; its answer is the header that tells the version, where there is one.
pub async fn greet(
    remote: &dyn Remote,
    socket: &str,
    path: &str,
    header: &str,
) -> Result<Option<String>, RemoteError> {
    let (status, headers, _) = exchange(remote, socket, Method::GET, path).await?;
    if !status.is_success() {
        let cause = format!("{socket} answers {status}");
        return Err(RemoteError::Connection { host: remote.host().clone(), cause });
    }
    Ok(headers.get(header).and_then(|value| value.to_str().ok()).map(str::to_owned))
}

/// The connection is made for this one question: opening a stream costs a fraction of a millisecond beside
/// the round trip, and nothing is left to go stale.
async fn exchange(
    remote: &dyn Remote,
    socket: &str,
    method: Method,
    path: &str,
) -> Result<(StatusCode, HeaderMap, Bytes), RemoteError> {
    let failed = |cause: String| RemoteError::Connection { host: remote.host().clone(), cause };
    let stream = remote.forward_socket(socket).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(format!("{socket}: {error}")))?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("Host", "drover")
        .header("Connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(format!("{path}: {error}")))?;
    let answer = async {
        let response =
            sender.send_request(request).await.map_err(|error| failed(format!("{socket}: {error}")))?;
        let (head, body) = response.into_parts();
        let body = http_body_util::Limited::new(body, LARGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| failed(format!("{socket}: {error}")))?
            .to_bytes();
        Ok((head.status, head.headers, body))
    };
    tokio::pin!(connection);
    tokio::pin!(answer);
    // The connection future moves the bytes; whichever ends first, the answer decides.
    tokio::select! {
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
}

/// A path segment for a URL: everything but unreserved characters is percent-encoded.
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_can_not_leave_its_place() {
        assert_eq!(segment("a/../b?c#d e%"), "a%2F..%2Fb%3Fc%23d%20e%25");
    }
}
