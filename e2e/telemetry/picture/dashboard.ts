import { textOf } from "../../support/documents.ts";
import type { Prometheus, Series } from "./prometheus.ts";

/** The file for Grafana. */
const DASHBOARD = "deploy/grafana/macp-auth.json";

/** Where a panel is, in Grafana's grid of 24 columns. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** One panel of the dashboard, or the heading of a row. */
export interface Panel {
  readonly title: string;
  readonly type: "row" | "state-timeline" | "timeseries";
  /** In Grafana's words. */
  readonly unit: string;
  readonly place: Place;
  readonly queries: readonly { readonly expression: string; readonly legend: string }[];
}

interface GrafanaPanel {
  readonly title: string;
  readonly type: Panel["type"];
  readonly gridPos: Place;
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

/** What Grafana puts in the place of its variables; four scrapes, as it would take at least. */
const VARIABLES: Readonly<Record<string, string>> = { $__rate_interval: "5s", $instance: ".*" };

/** The panels of the file, in its order, with the variables of Grafana replaced. */
export function panelsOfDashboard(): readonly Panel[] {
  const { panels } = JSON.parse(textOf(DASHBOARD)) as { readonly panels: readonly GrafanaPanel[] };
  return panels.map(({ title, type, gridPos, fieldConfig, targets = [] }) => ({
    title,
    type,
    unit: fieldConfig?.defaults.unit ?? "",
    place: gridPos,
    queries: targets.map(({ expr, legendFormat }) => ({
      expression: Object.entries(VARIABLES).reduce(
        (text, [name, value]) => text.replaceAll(name, value),
        expr,
      ),
      legend: legendFormat,
    })),
  }));
}

/** The series that the file fills its variable `instance` from: a label, and what selects it. */
export function instanceQueryOfDashboard(): readonly [matcher: string, label: string] {
  const { templating } = JSON.parse(textOf(DASHBOARD)) as {
    readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
  };
  const query = templating.list.find(({ name }) => name === "instance")?.query ?? "";
  const [, matcher, label] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
  if (matcher === undefined || label === undefined) throw new Error(`not a query of labels: ${query}`);
  return [matcher, label];
}

/** A line of a panel, named as its legend says. */
export interface Line {
  readonly name: string;
  readonly points: Series["points"];
}

/** A panel with what Prometheus answered to its queries. */
export interface FilledPanel extends Panel {
  readonly lines: readonly Line[];
}

/** Asks every query of the panel. Rejects when Prometheus does not accept one. */
export async function filled(
  panel: Panel,
  prometheus: Prometheus,
  from: number,
  to: number,
): Promise<FilledPanel> {
  const lines: Line[] = [];
  for (const { expression, legend } of panel.queries) {
    const series = await prometheus.range(expression, from, to);
    lines.push(
      ...series
        .map(({ labels, points }) => ({
          name: legend.replaceAll(/\{\{(\w+)\}\}/g, (_all, label: string) => labels[label] ?? "").trim(),
          points,
        }))
        .filter(({ points }) => points.length > 0),
    );
  }
  // Lines at 0 are many, and the least worth a place in a legend.
  return { ...panel, lines: lines.toSorted((one, other) => Number(isIdle(one)) - Number(isIdle(other))) };
}

function isIdle({ points }: Line): boolean {
  return points.every(([, value]) => value === 0);
}
