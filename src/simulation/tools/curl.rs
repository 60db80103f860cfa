//! curl(1), as far as it speaks HTTP to a service behind a Unix socket of the simulated host.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;

use super::call::{Call, Failure, Grammar, Outcome, input, quoted};
use super::lines::PIECE;
use crate::simulation::machine::content::Content;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::Kind;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::open::{Access, OpenFile};
use crate::simulation::machine::process::Process;

const GRAMMAR: Grammar = Grammar {
    short: "#aA:bd:D:fF:gGH:iIkLm:nNo:OqsSu:vw:X:x:46",
    long: &[
        ("unix-socket=", '1'),
        ("silent", 's'),
        ("show-error", 'S'),
        ("fail", 'f'),
        ("fail-with-body", '2'),
        ("request=", 'X'),
        ("data=", 'd'),
        ("data-raw=", '3'),
        ("data-binary=", '4'),
        ("header=", 'H'),
        ("output=", 'o'),
        ("head", 'I'),
        ("include", 'i'),
        ("write-out=", 'w'),
        ("max-time=", 'm'),
        ("connect-timeout=", '5'),
        ("no-buffer", 'N'),
        ("location", 'L'),
        ("insecure", 'k'),
        ("verbose", 'v'),
        ("url=", '6'),
        ("user-agent=", 'A'),
        ("no-progress-meter", 's'),
        ("globoff", 'g'),
    ],
    wrong: 2,
};

/// The stream's buffer in each direction, as large as that of a Unix socket.
const BUFFER: usize = 208 << 10;

/// curl's exit codes (its manual, “EXIT CODES”).
mod code {
    pub const URL: u8 = 3;
    pub const RESOLVE: u8 = 6;
    pub const CONNECT: u8 = 7;
    pub const STATUS: u8 = 22;
    pub const WRITE: u8 = 23;
    pub const READ: u8 = 26;
    pub const TIMEOUT: u8 = 28;
    pub const NOTHING: u8 = 52;
    pub const RECEIVE: u8 = 56;
}

/// How a transfer failed: exit code and what curl says.
struct Failed(u8, String);

type Transfer<T> = Result<T, Failed>;

/// A body as it goes out: what is in memory already, piece by piece.
type Outgoing = StreamBody<futures::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, std::io::Error>>>>;

/// curl(1)
pub(super) async fn curl(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &GRAMMAR)?;
    let urls: Vec<&str> =
        call.value('6').into_iter().chain(call.operands.iter().map(String::as_str)).collect();
    if urls.is_empty() {
        return Err(Failure::Said(
            2,
            "(2) no URL specified\ncurl: try 'curl --help' for more information".into(),
        ));
    }
    let limit = match call.value('m').map(super::time::interval) {
        None => None,
        Some(Some(limit)) => Some(limit),
        Some(None) => {
            return Err(Failure::Said(2, "option -m: expected a proper numerical parameter".into()));
        }
    };
    let transfer = async {
        // One after the other; the last one decides how it ends.
        let mut last = Ok(());
        for url in urls {
            last = transfer(process, &call, url).await;
        }
        last
    };
    let done = match limit {
        None => transfer.await,
        Some(limit) => {
            let clock = process.machine.clock.clone();
            tokio::select! {
                done = transfer => done,
                () = clock.sleep(limit) => Err(Failed(
                    code::TIMEOUT,
                    format!("Operation timed out after {} milliseconds with 0 bytes received", limit.as_millis()),
                )),
            }
        }
    };
    match done {
        Ok(()) => Ok(0),
        Err(Failed(code, text)) => {
            if !call.has('s') || call.has('S') {
                process.complain(format!("curl: ({code}) {text}")).await;
            }
            Ok(code)
        }
    }
}

async fn transfer(process: &Process, call: &Call, url: &str) -> Transfer<()> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let uri: Uri = url
        .parse()
        .map_err(|_| Failed(code::URL, "URL rejected: Malformed input to a URL function".into()))?;
    let host = uri.host().unwrap_or_default().to_owned();
    let port = uri.port_u16().unwrap_or(80);
    let refused = || {
        Failed(
            code::CONNECT,
            format!("Failed to connect to {host} port {port} after 0 ms: Could not connect to server"),
        )
    };
    let Some(socket) = call.value('1') else {
        // The hosts of this world know one another by SSH only.
        return Err(match host.parse::<std::net::IpAddr>().is_ok() || host == "localhost" {
            true => refused(),
            false => Failed(code::RESOLVE, format!("Could not resolve host: {host}")),
        });
    };
    let service = match process.find(socket, LastLink::Follow) {
        Ok(place) => match &place.node.kind {
            Kind::Socket(service) => service.clone(),
            _ => return Err(refused()),
        },
        Err(_) => return Err(refused()),
    };
    let request = request(process, call, &uri).await?;
    let (near, far) = tokio::io::duplex(BUFFER);
    // It ends by itself when this end is closed, and with the world.
    tokio::spawn(async move { service.serve(far).await });
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(near)).await.map_err(|_| refused())?;
    // Both ends of a connection are worked on here, so that it is closed as soon as this program ends.
    let exchange = async {
        let nothing = |_| Failed(code::NOTHING, "Empty reply from server".to_owned());
        let response = sender.send_request(request).await.map_err(nothing)?;
        receive(process, call, response).await
    };
    tokio::pin!(connection);
    tokio::select! {
        done = exchange => done,
        () = async {
            let _ = (&mut connection).await;
            std::future::pending::<()>().await;
        } => Ok(()),
    }
}

/// The request with its headers and its body.
async fn request(process: &Process, call: &Call, uri: &Uri) -> Transfer<Request<Outgoing>> {
    let body = body(process, call).await?;
    let method = match call.value('X') {
        Some(method) => method.parse().map_err(|_| Failed(code::URL, format!("Invalid method {method}")))?,
        None if call.has('I') => Method::HEAD,
        None if body.is_some() => Method::POST,
        None => Method::GET,
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let mut headers: Vec<(String, String)> = vec![
        ("Host".into(), host.into()),
        ("User-Agent".into(), call.value('A').unwrap_or("curl/8.14.1").into()),
        ("Accept".into(), "*/*".into()),
    ];
    if let Some(content) = &body {
        headers.push(("Content-Length".into(), content.length().to_string()));
        headers.push(("Content-Type".into(), "application/x-www-form-urlencoded".into()));
    } else if method == Method::POST || method == Method::PUT {
        headers.push(("Content-Length".into(), "0".into()));
    }
    for (_, header) in call.options.iter().filter(|(key, _)| *key == 'H') {
        let (name, value) = header.split_once(':').unwrap_or((header.trim_end_matches(';'), ""));
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        // A name without a value only takes a header away.
        if !value.trim().is_empty() {
            headers.push((name.into(), value.trim().into()));
        }
    }
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    let pieces = body.unwrap_or_default();
    let frames: Vec<_> = pieces.pieces().iter().map(|piece| Ok(Frame::data(piece.clone()))).collect();
    builder
        .body(StreamBody::new(futures::stream::iter(frames)))
        .map_err(|error| Failed(code::URL, error.to_string()))
}

/// What `-d` and its like send, without copying what is in a file.
async fn body(process: &Process, call: &Call) -> Transfer<Option<Content>> {
    let mut body: Option<Content> = None;
    for (key, value) in call.options.iter().filter(|(key, _)| matches!(key, 'd' | '3' | '4')) {
        let content = body.get_or_insert_default();
        if content.length() > 0 {
            content.append(Bytes::from_static(b"&"));
        }
        let path = value.strip_prefix('@').filter(|_| *key != '3');
        let Some(path) = path else {
            content.append(Bytes::from(value.clone()));
            continue;
        };
        let unreadable = |_: Errno| Failed(code::READ, format!("Failed to open {path}"));
        let file = input(process, path).await.map_err(unreadable)?;
        loop {
            let piece = file.read(PIECE).await.map_err(unreadable)?;
            if piece.is_empty() {
                break;
            }
            // Only --data-binary keeps line ends.
            if *key == 'd' && piece.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
                let plain: Vec<u8> =
                    piece.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
                content.append(Bytes::from(plain));
            } else {
                content.append(piece);
            }
        }
    }
    Ok(body)
}

/// Writes the answer where it belongs, as it comes.
async fn receive(
    process: &Process,
    call: &Call,
    response: hyper::Response<hyper::body::Incoming>,
) -> Transfer<()> {
    let status = response.status();
    let bad = status.as_u16() >= 400;
    let target = call.value('o').filter(|path| *path != "-");
    let unwritten = |error: Errno| {
        let text = match target {
            Some(path) => format!("Failure writing output to destination: {} ({error})", quoted(path)),
            None => "Failure writing output to destination".to_owned(),
        };
        Failed(code::WRITE, text)
    };
    let failed = || Failed(code::STATUS, format!("The requested URL returned error: {}", status.as_u16()));
    let mut output: Option<Arc<OpenFile>> = None;
    let open = async || match target {
        Some(path) => process.open(path, Access::Write).await,
        None => process.files.get(&1).cloned().ok_or(Errno::BadDescriptor),
    };
    if call.has('i') || call.has('I') {
        let mut text =
            format!("HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or_default());
        for (name, value) in response.headers() {
            text.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())));
        }
        text.push_str("\r\n");
        let file = open().await.map_err(unwritten)?;
        file.write(text.into()).await.map_err(unwritten)?;
        output = Some(file);
    }
    if bad && call.has('f') {
        write_out(process, call, status.as_u16(), 0).await;
        return Err(failed());
    }
    let mut body = response.into_body();
    let mut length = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let cut = error.is_incomplete_message() || error.is_body_write_aborted();
            let text =
                if cut { "Recv failure: Connection reset by peer".to_owned() } else { error.to_string() };
            Failed(code::RECEIVE, text)
        })?;
        let Ok(bytes) = frame.into_data() else { continue };
        if bytes.is_empty() {
            continue;
        }
        length += bytes.len() as u64;
        // Opened with the first byte, as curl does it: an answer without a body makes no file.
        let file = match &output {
            Some(file) => file.clone(),
            None => {
                let file = open().await.map_err(unwritten)?;
                output = Some(file.clone());
                file
            }
        };
        file.write(bytes).await.map_err(unwritten)?;
    }
    write_out(process, call, status.as_u16(), length).await;
    if bad && call.has('2') { Err(failed()) } else { Ok(()) }
}

/// `-w`
async fn write_out(process: &Process, call: &Call, status: u16, length: u64) {
    let Some(format) = call.value('w') else { return };
    let text = format
        .replace("%{http_code}", &format!("{status:03}"))
        .replace("%{response_code}", &format!("{status:03}"))
        .replace("%{size_download}", &length.to_string())
        .replace("\\n", "\n")
        .replace("\\t", "\t");
    // Nobody may be there to read it.
    let _ = process.out(text).await;
}
