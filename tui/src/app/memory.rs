//! What is remembered from one time to the next: screen, orders, filters, sizes. A little JSON; what is not understood is left out.

use serde_json::{Map, Value, json};

use super::layout::Share;
use super::model::{Model, Screen};
use crate::screens::backends::state::{Order, Tab};
use crate::screens::catalog::state::KINDS;
use crate::screens::metrics::state::Window;
use crate::screens::{catalog, clients};
use crate::widgets::flow_table::Chosen;
use crate::widgets::input::Input;

/// Filters longer than this are not remembered.
const MAX_FILTER: usize = 1_000;

/// What is to be remembered.
#[must_use]
pub(crate) fn of(model: &Model) -> Value {
    let short = |input: &Input| input.text().chars().take(MAX_FILTER).collect::<String>();
    // A mistake is none, and marks are of one run only.
    let is_lasting = model.inspect.mistake.is_none() && !model.inspect.rows.needs_marks();
    let inspect_filter = if is_lasting { short(&model.inspect.input) } else { String::new() };
    json!({
        "version": 1,
        "screen": name(model.screen),
        "mouse": model.mouse,
        "background": model.chosen_light.map(|light| if light { "light" } else { "dark" }),
        "backends": {
            "order": model.backends.order.title(),
            "tab": model.backends.tab.title(),
            "share": model.backends.share.name(),
        },
        "inspect": { "columns": model.inspect.columns.names(), "filter": inspect_filter },
        "catalog": {
            "kind": model.catalog.kind.key(),
            "filter": short(&model.catalog.input),
            "json": model.catalog.as_json,
            "order": model.catalog.order.title(),
            "share": model.catalog.share.name(),
        },
        "clients": { "share": model.clients.share.name(), "order": model.clients.order.title() },
        "logs": { "sources": model.logs.sources },
        "metrics": { "window": model.metrics.window.word() },
    })
}

/// A screen's name without its number.
fn name(screen: Screen) -> &'static str {
    screen.title().split_once(' ').map_or("", |(_, name)| name)
}

/// A model as it was remembered.
pub(crate) fn recall(model: &mut Model, kept: &Value) {
    let none = Map::new();
    let part = |name: &str| kept.get(name).and_then(Value::as_object).unwrap_or(&none);
    let text = |name: &str, key: &str| part(name).get(key).and_then(Value::as_str);
    let word = |key: &str| kept.get(key).and_then(Value::as_str);
    if let Some(screen) = word("screen").and_then(|w| Screen::ALL.into_iter().find(|s| name(*s) == w)) {
        model.screen = screen;
    }
    if let Some(mouse) = kept.get("mouse").and_then(Value::as_bool) {
        model.mouse = mouse;
    }
    if let Some(light) = word("background").map(|w| w == "light") {
        model.theme.light = light;
        model.chosen_light = Some(light);
    }
    let share = |name: &str| text(name, "share").and_then(Share::named).unwrap_or_default();
    let filter = |name: &str| Input::new(text(name, "filter").unwrap_or_default().to_owned());
    model.backends.order = text("backends", "order").and_then(Order::named).unwrap_or_default();
    let tab = text("backends", "tab");
    model.backends.tab = tab.and_then(|w| Tab::ALL.into_iter().find(|t| t.title() == w)).unwrap_or_default();
    model.backends.share = share("backends");
    model.backends.in_detail = model.backends.share == Share::Details;
    model.inspect.input = filter("inspect");
    model.inspect.apply_filter(&mut Vec::new());
    let columns = |at: usize| {
        let names = part("inspect").get("columns").and_then(|c| c.get(at)).and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str)
    };
    model.inspect.columns = Chosen::named(columns(0), columns(1));
    if let Some(kind) = text("catalog", "kind").and_then(|w| KINDS.into_iter().find(|k| k.key() == w)) {
        model.catalog.kind = kind;
    }
    model.catalog.input = filter("catalog");
    model.catalog.as_json = part("catalog").get("json").and_then(Value::as_bool) == Some(true);
    let order = text("catalog", "order").and_then(catalog::state::Order::named);
    model.catalog.order = order.unwrap_or_default();
    model.catalog.share = share("catalog");
    model.catalog.in_detail = model.catalog.share == Share::Details;
    model.clients.share = share("clients");
    let order = text("clients", "order").and_then(clients::state::Order::named);
    model.clients.order = order.unwrap_or_default();
    model.clients.in_detail = model.clients.share == Share::Details;
    model.logs.sources = part("logs").get("sources").and_then(Value::as_bool);
    let window = text("metrics", "window");
    model.metrics.window =
        [Window::Short, Window::Long].into_iter().find(|w| Some(w.word()) == window).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Driver;

    #[test]
    fn what_is_kept_comes_back() {
        let mut d = Driver::new((120, 40));
        d.keys("1 o o ] + 2 /").text("~be demo").keys("enter 3 ] o / a enter J 4 o o 5 h f6 6 ]");
        let kept = of(&d.model);
        let mut again = Driver::new((120, 40));
        recall(&mut again.model, &kept);
        assert_eq!(of(&again.model), kept);
        assert_eq!((again.model.screen, again.model.backends.order), (Screen::Metrics, Order::Name));
        again.look(None);
        again.keys("2");
        assert!(again.model.inspect.window.iter().all(|f| f.backend.as_deref() == Some("demo")));
    }

    #[test]
    fn nonsense_changes_nothing() {
        let d = Driver::new((120, 40));
        let before = of(&d.model);
        for junk in
            [json!(null), json!([1]), json!({"screen": 7, "backends": "x", "catalog": {"kind": {}, "json": "no"}})]
        {
            let mut d = Driver::new((120, 40));
            recall(&mut d.model, &junk);
            assert_eq!(of(&d.model), before, "{junk}");
            d.keys("1 2 3 4 5 6");
        }
    }
}
