//! Tables and sizes as Docker prints them.

/// Lines whose columns stand beneath one another, three blanks apart, as Go's tabwriter sets them; each column is
/// at least so wide with its distance.
pub(in crate::simulation::engine) fn table(rows: &[Vec<String>], least: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count() + 3).max().unwrap_or_default().max(least)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < row.len() {
                let width = widths.get(column).copied().unwrap_or_default();
                text.push_str(&" ".repeat(width.saturating_sub(cell.chars().count())));
            }
        }
        text.push('\n');
    }
    text
}

/// A table with the headings of Docker's lists.
pub(super) fn listed(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head = head.iter().map(|word| (*word).to_owned()).collect();
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>(), 10)
}

/// A number with so many digits, zeros at its end left out, as Go's `%.4g`.
fn digits(value: f64, digits: usize) -> String {
    let whole = value.trunc().to_string().len();
    let text = format!("{value:.*}", digits.saturating_sub(whole));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn scaled(bytes: u64, step: f64, units: &[&str], precision: usize) -> String {
    let (mut value, mut units) = (bytes as f64, units.iter());
    let mut unit = units.next().copied().unwrap_or_default();
    while value >= step {
        let Some(next) = units.next() else { break };
        (value, unit) = (value / step, next);
    }
    digits(value, precision) + unit
}

/// Bytes with a decimal unit: `22.3MB`.
pub(super) fn size(bytes: u64, precision: usize) -> String {
    scaled(bytes, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"], precision)
}

/// Bytes with a binary unit: `5.152MiB`.
pub(super) fn binary(bytes: u64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 4)
}

/// JSON over several lines.
pub(super) fn indented(value: &serde_json::Value) -> String {
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut bytes = Vec::new();
    // Into memory everything goes.
    let _ = serde::Serialize::serialize(
        value,
        &mut serde_json::Serializer::with_formatter(&mut bytes, formatter),
    );
    String::from_utf8_lossy(&bytes).into_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_sizes_look_like_docker_s() {
        assert_eq!(
            listed(&["DRIVER", "VOLUME NAME"], [vec!["local".into(), "vol1".into()]]),
            "DRIVER    VOLUME NAME\nlocal     vol1\n"
        );
        assert_eq!(
            [size(22_281_423, 3), size(2_024_968, 3), size(22_281_423, 4)],
            ["22.3MB", "2.02MB", "22.28MB"]
        );
        assert_eq!([binary(5_402_263), binary(794_624), binary(2 << 30)], ["5.152MiB", "776KiB", "2GiB"]);
    }
}
