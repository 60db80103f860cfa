//! Where things are on the screen, as plain numbers.
//!
//! It lies in this room and not in the console because the fold must know what is drawn: a reading of a host
//! that is scrolled out of sight is no visible change, and Ctrl-d moves by half of what is seen.

/// Below this the screen only says what it needs.
pub(crate) const MINIMUM_COLUMNS: u16 = 60;
/// Below this the screen only says what it needs.
pub(crate) const MINIMUM_ROWS: u16 = 16;

/// From this width on the collector has a panel; below it the containers need the room more.
const COLLECTOR_FROM: u16 = 110;
/// From this width on events stand beside a migration; below it the migration has the whole width.
const EVENTS_BESIDE_FROM: u16 = 76;
/// Seven stages, one line of totals and the frame.
const MIGRATION_ROWS: u16 = 10;

/// A rectangle of cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x: u16,
    pub(crate) y: u16,
    pub(crate) width: u16,
    pub(crate) height: u16,
}

impl Area {
    /// What is left inside a frame of one cell.
    pub(crate) fn inner(self) -> Self {
        Self {
            x: self.x.saturating_add(1),
            y: self.y.saturating_add(1),
            width: self.width.saturating_sub(2),
            height: self.height.saturating_sub(2),
        }
    }
}

/// How much room one host has in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Density {
    /// Name, then a line each for processor and memory, and an empty line.
    Airy,
    /// Name, then a line each for processor and memory.
    Full,
    /// One line.
    Line,
}

impl Density {
    /// Lines per host.
    pub(crate) fn stride(self) -> u16 {
        match self {
            Self::Airy => 4,
            Self::Full => 3,
            Self::Line => 1,
        }
    }
}

/// All panes of a screen that is large enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) title: Area,
    pub(crate) hosts: Area,
    pub(crate) containers: Area,
    pub(crate) collector: Option<Area>,
    pub(crate) migration: Option<Area>,
    pub(crate) events: Option<Area>,
    pub(crate) footer: Area,
    pub(crate) density: Density,
}

/// Whether a migration is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bottom {
    /// Only the events.
    Events,
    /// A migration and the events.
    Migration,
}

impl Layout {
    /// Divides a screen; `None` when it is too small.
    pub(crate) fn new(columns: u16, rows: u16, hosts: usize, bottom: Bottom) -> Option<Self> {
        if columns < MINIMUM_COLUMNS || rows < MINIMUM_ROWS {
            return None;
        }
        let body = rows - 2;
        let events_rows = (rows / 4).clamp(5, 14);
        let bottom_rows = match bottom {
            Bottom::Events => events_rows,
            // The lists above keep three lines in any case.
            Bottom::Migration => events_rows.max(MIGRATION_ROWS).min(body - 5),
        };
        let main_rows = body - bottom_rows;
        let hosts_width = match columns {
            ..80 => 24,
            80..100 => 28,
            100..160 => 34,
            _ => 46,
        };
        let collector_width = match columns {
            ..COLLECTOR_FROM => 0,
            COLLECTOR_FROM..160 => 24,
            _ => 34,
        };
        let hosts_area = Area { x: 0, y: 1, width: hosts_width, height: main_rows };
        let containers =
            Area { x: hosts_width, y: 1, width: columns - hosts_width - collector_width, height: main_rows };
        let collector = (collector_width > 0).then_some(Area {
            x: columns - collector_width,
            y: 1,
            width: collector_width,
            height: main_rows,
        });
        let below = Area { x: 0, y: 1 + main_rows, width: columns, height: bottom_rows };
        let (migration, events) = match bottom {
            Bottom::Events => (None, Some(below)),
            Bottom::Migration if columns < EVENTS_BESIDE_FROM => (Some(below), None),
            Bottom::Migration => {
                let width = (columns * 6 / 10).max(46);
                let events = Area { x: width, width: columns - width, ..below };
                (Some(Area { width, ..below }), Some(events))
            }
        };
        let room = usize::from(hosts_area.inner().height);
        let density = if hosts * 4 <= room + 1 {
            Density::Airy
        } else if hosts * 3 <= room {
            Density::Full
        } else {
            Density::Line
        };
        Some(Self {
            title: Area { x: 0, y: 0, width: columns, height: 1 },
            hosts: hosts_area,
            containers,
            collector,
            migration,
            events,
            footer: Area { x: 0, y: rows - 1, width: columns, height: 1 },
            density,
        })
    }

    /// How many hosts are seen at once.
    pub(crate) fn host_capacity(&self) -> usize {
        let inner = self.hosts.inner().height;
        let room = match self.density {
            Density::Airy => inner + 1,
            Density::Full => inner,
            // The list of lines has a heading.
            Density::Line => inner.saturating_sub(1),
        };
        usize::from(room / self.density.stride()).max(1)
    }

    /// How many containers are seen at once; the list has a heading.
    pub(crate) fn container_capacity(&self) -> usize {
        usize::from(self.containers.inner().height.saturating_sub(1)).max(1)
    }

    /// How many event lines are seen at once.
    pub(crate) fn event_capacity(&self) -> usize {
        self.events.map_or(0, |area| usize::from(area.inner().height))
    }

    /// Columns of a host's gauge.
    pub(crate) fn gauge_columns(&self) -> u16 {
        (self.hosts.inner().width.saturating_sub(12) * 2 / 5).max(4)
    }

    /// Columns of a host's sparkline: what marker, word, gauge and percentage leave.
    pub(crate) fn spark_columns(&self) -> u16 {
        self.hosts.inner().width.saturating_sub(12 + self.gauge_columns())
    }
}

/// Room inside the frame of a large dialog, columns and rows.
pub(crate) fn large_dialog(columns: u16, rows: u16) -> (u16, u16) {
    // Wider lines are hard to read; the frame stays clear of the title and the footer.
    (columns.saturating_sub(8).min(84), rows.saturating_sub(4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_small_screen_has_no_layout() {
        assert!(Layout::new(59, 40, 3, Bottom::Events).is_none());
        assert!(Layout::new(200, 15, 3, Bottom::Events).is_none());
        assert!(Layout::new(60, 16, 3, Bottom::Migration).is_some());
    }

    #[test]
    fn a_small_screen_has_no_collector_panel() {
        assert!(Layout::new(80, 24, 3, Bottom::Events).unwrap().collector.is_none());
        assert!(Layout::new(120, 40, 3, Bottom::Events).unwrap().collector.is_some());
    }

    proptest! {
        #[test]
        fn panes_cover_the_screen_without_overlap(
            columns in MINIMUM_COLUMNS..400, rows in MINIMUM_ROWS..200, hosts in 0..80usize, moving: bool,
        ) {
            let bottom = if moving { Bottom::Migration } else { Bottom::Events };
            let layout = Layout::new(columns, rows, hosts, bottom).unwrap();
            let panes = [
                Some(layout.title), Some(layout.hosts), Some(layout.containers), layout.collector,
                layout.migration, layout.events, Some(layout.footer),
            ];
            let cells: u32 = panes.iter().flatten().map(|a| u32::from(a.width) * u32::from(a.height)).sum();
            prop_assert_eq!(cells, u32::from(columns) * u32::from(rows));
            for area in panes.iter().flatten() {
                prop_assert!(area.x + area.width <= columns && area.y + area.height <= rows);
            }
        }
    }
}
