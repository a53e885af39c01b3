//! The pictures: a panel for each budget, all with the same logarithmic axis.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use gapless_model_bench::{Outcome, grouped};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::point::Point;

/// The panels of a row.
const COLUMNS: usize = 4;
/// The size of a panel, and the height of the head, in pixels. Fonts come out a fifth smaller than
/// their number, because plotters counts them by their height.
const PANEL: (u32, u32) = (250, 190);
const HEAD: u32 = 68;
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const QUIET: RGBColor = RGBColor(0x66, 0x66, 0x66);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const LINE: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);
const LIMIT: RGBColor = RGBColor(0xc0, 0x39, 0x2b);

/// What a picture shows.
pub struct Quantity {
    /// The name of the file.
    pub file: &'static str,
    title: &'static str,
    of: fn(&Point) -> f64,
    /// The ends of the axis.
    axis: (f64, f64),
    label: fn(f64) -> String,
}

/// Time, and memory.
pub const QUANTITIES: [Quantity; 2] = [
    Quantity {
        file: "time.svg",
        title: "Time of a search",
        of: |point| point.measured.seconds,
        axis: (0.005, 150.0),
        label: |seconds| format!("{seconds} s"),
    },
    Quantity {
        file: "memory.svg",
        title: "Memory of a search",
        of: |point| point.measured.memory as f64 / f64::from(1 << 20),
        axis: (0.6, 15_000.0),
        label: |mebibytes| format!("{} MiB", grouped(mebibytes.round() as u64)),
    },
];

/// Draws a picture.
///
/// # Errors
/// The file cannot be written.
pub fn draw(file: &Path, quantity: &Quantity, points: &[Point]) -> Result<(), Box<dyn Error>> {
    let series: Vec<&[Point]> = points.chunk_by(|a, b| a.budget == b.budget).collect();
    let rows = series.len().div_ceil(COLUMNS);
    let size = (PANEL.0 * COLUMNS as u32, HEAD + PANEL.1 * rows as u32);
    let root = SVGBackend::new(file, size).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(HEAD);
    draw_head(&head, quantity)?;
    let most = points.iter().map(|point| point.value).max().unwrap_or(0);
    let (least, greatest) = quantity.axis;
    // A higher limit than the default needs a longer axis.
    let greatest =
        points.iter().map(quantity.of).fold(greatest, |most, value| most.max(1.5 * value));
    let axes = (-0.3..f64::from(most) + 0.3, least..greatest);
    for (panel, points) in body.split_evenly((rows, COLUMNS)).iter().zip(series) {
        draw_panel(panel, quantity, points, axes.clone())?;
    }
    root.present()?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the title, and what the points mean.
fn draw_head(area: &Area<'_>, quantity: &Quantity) -> Result<(), Box<dyn Error>> {
    let text = |size: u32, color: &RGBColor| (FONT, size).into_font().color(color);
    area.draw(&Text::new(quantity.title, (12, 10), text(24, &INK)))?;
    let style = text(15, &QUIET);
    let said = "against each budget of gapless check, from 2 producers of 1 event, 2 workers, \
        1 crash, 1 expiry";
    area.draw(&Text::new(said, (12, 42), style.clone()))?;
    let marks = [
        (640, Outcome::Exhaustive, "searched to the end"),
        (800, Outcome::Time, "ended by a limit: at least this"),
    ];
    for (left, outcome, said) in marks {
        area.draw(&mark((left, 48), outcome))?;
        area.draw(&Text::new(said, (left + 10, 42), style.clone()))?;
    }
    Ok(())
}

/// Draws the panel of one budget.
fn draw_panel(
    area: &Area<'_>,
    quantity: &Quantity,
    points: &[Point],
    (values, heights): (Range<f64>, Range<f64>),
) -> Result<(), Box<dyn Error>> {
    let Some(first) = points.first() else { return Ok(()) };
    let (most, least) = (values.end as usize, heights.start);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_top(32)
        .x_label_area_size(20)
        .y_label_area_size(74)
        .build_cartesian_2d(values, heights.log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(QUIET)
        .x_labels(most + 1)
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_labels(5)
        .y_label_formatter(&|value| (quantity.label)(*value))
        .label_style((FONT, 14).into_font().color(&QUIET))
        .draw()?;
    let title = (FONT, 17).into_font().style(FontStyle::Bold).color(&INK);
    area.draw(&Text::new(first.budget.replace('-', " "), (12, 6), title))?;
    if let Some(note) = &first.note {
        let style = (FONT, 14).into_font().color(&QUIET).pos(Pos::new(HPos::Right, VPos::Top));
        area.draw(&Text::new(note.as_str(), (PANEL.0 as i32 - 14, 8), style))?;
    }
    // A search that takes less than the axis begins with stands at its foot.
    let place = |point: &Point| (f64::from(point.value), (quantity.of)(point).max(least));
    // No line leads to a search that was not finished: it would have needed more.
    let finished = points.iter().filter(|point| point.measured.outcome == Outcome::Exhaustive);
    chart.draw_series(LineSeries::new(finished.map(place), LINE.stroke_width(2)))?;
    let marks = points.iter().map(|point| mark(place(point), point.measured.outcome));
    chart.draw_series(marks)?;
    Ok(())
}

/// The mark of a search.
fn mark<C>(place: C, outcome: Outcome) -> Circle<C, i32> {
    match outcome {
        Outcome::Exhaustive => Circle::new(place, 4, LINE.filled()),
        Outcome::Time | Outcome::Memory => Circle::new(place, 4, LIMIT.stroke_width(2)),
    }
}
