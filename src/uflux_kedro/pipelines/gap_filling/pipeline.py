"""Half-hourly and hourly towers to filled ones, which the other pipelines read."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from uflux_kedro.pipelines.gap_filling.nodes import (
    arrange_tables,
    draw_records,
    fill_records,
    find_thresholds,
    log_towers,
    partition_records,
    read_records,
    render_page,
    score_methods,
)

_RECORDS = ("half_hours", "half_hour_records")


def create_pipeline(**_: object) -> Pipeline:
    """Return the nodes; they read ``raw_towers``, which ``--params towers_path=...`` names."""
    return Pipeline(
        [
            node(
                read_records,
                inputs=["raw_towers", "params:towers", "params:gap_filling"],
                outputs=[*_RECORDS, "half_hour_findings"],
                name="read_half_hours",
            ),
            node(
                find_thresholds,
                inputs=[*_RECORDS, "params:gap_filling"],
                outputs=["ustar_thresholds", "ustar_findings"],
                name="find_ustar_thresholds",
            ),
            node(
                fill_records,
                inputs=[*_RECORDS, "ustar_thresholds", "params:gap_filling"],
                outputs=[
                    *("gaps_filled", "gap_filling_sums"),
                    *("gap_filling_to_date", "gap_filling_hidden"),
                ],
                name="fill_gaps",
            ),
            node(
                partition_records,
                inputs=[*_RECORDS, "ustar_thresholds", "gaps_filled", "params:gap_filling"],
                outputs="half_hours_partitioned",
                name="partition_nee",
            ),
            node(
                arrange_tables,
                inputs=[*_RECORDS, "gaps_filled", "half_hours_partitioned", "gap_filling_sums"],
                outputs="filled_towers",
                name="write_filled_towers",
            ),
            node(
                score_methods,
                inputs=[*_RECORDS, "ustar_thresholds", "params:gap_filling"],
                outputs="gap_filling_scoreboard",
                name="score_methods",
            ),
            node(
                draw_records,
                inputs=[
                    *_RECORDS,
                    *("gaps_filled", "gap_filling_to_date", "gap_filling_hidden"),
                    *("gap_filling_scoreboard", "params:gap_filling"),
                ],
                outputs="gap_filling_figures",
                name="draw_filled_towers",
            ),
            node(
                log_towers,
                inputs=[
                    *("half_hour_records", "gap_filling_sums", "gap_filling_scoreboard"),
                    *("gap_filling_figures", "params:gap_filling"),
                ],
                outputs="gap_filling_runs",
                name="log_filled_towers",
            ),
            node(
                render_page,
                inputs=[
                    *("raw_towers", "half_hour_records", "gaps_filled", "gap_filling_sums"),
                    *("gap_filling_scoreboard", "half_hour_findings", "ustar_findings"),
                    *("gap_filling_figures", "params:gap_filling"),
                ],
                outputs="gap_filling_page",
                name="render_gap_filling",
            ),
        ],
        namespace="gap_filling",  # one box in kedro-viz
        prefix_datasets_with_namespace=False,
        tags="gap_filling",
    )
