-- Effective lines by class, for every repository and for all, by day, week, month and quarter.
-- Periods without an effective line have no row. The variable `rules_version` is set by the build.
WITH daily AS (
  SELECT
    landed_on,
    repo,
    sum(lines_effective) AS lines,
    sum(lines_effective) FILTER (WHERE author_class = 'ai' AND strength IN ('line', 'author')) AS ai_lower,
    sum(lines_effective) FILTER (WHERE author_class = 'ai') AS ai_point,
    sum(lines_effective) FILTER (WHERE author_class = 'human') AS human,
    sum(lines_effective) FILTER (WHERE author_class = 'automation') AS automation,
    sum(lines_effective) FILTER (WHERE author_class = 'generated') AS generated,
    sum(lines_effective) FILTER (WHERE author_class = 'unknown') AS unknown,
    -- An assumption of the configuration is no evidence, even where it decides the class.
    sum(lines_effective) FILTER (WHERE evidence NOT IN ('none', 'policy_assumption')) AS evident
  FROM merged_lines
  WHERE landed_on IS NOT NULL
  GROUP BY landed_on, repo
),
counted AS (
  SELECT
    grain,
    CAST(date_trunc(grain, landed_on) AS DATE) AS period,
    CASE WHEN grouping(repo) = 1 THEN 'all' ELSE repo END AS repo,
    CAST(sum(lines) AS BIGINT) AS lines,
    CAST(coalesce(sum(ai_lower), 0) AS BIGINT) AS ai_lines_lower,
    CAST(coalesce(sum(ai_point), 0) AS BIGINT) AS ai_lines_point,
    CAST(coalesce(sum(human), 0) AS BIGINT) AS human,
    CAST(coalesce(sum(automation), 0) AS BIGINT) AS automation,
    CAST(coalesce(sum(generated), 0) AS BIGINT) AS generated,
    CAST(coalesce(sum(unknown), 0) AS BIGINT) AS unknown,
    CAST(coalesce(sum(evident), 0) AS BIGINT) AS evident
  FROM daily
  CROSS JOIN (VALUES ('day'), ('week'), ('month'), ('quarter')) AS grains (grain)
  GROUP BY GROUPING SETS ((grain, date_trunc(grain, landed_on), repo), (grain, date_trunc(grain, landed_on)))
  HAVING sum(lines) > 0
)
SELECT
  grain,
  period,
  repo,
  lines,
  ai_lines_lower / nullif(lines - automation - generated, 0) AS ai_lower,
  ai_lines_point / nullif(lines - automation - generated, 0) AS ai_point,
  (lines - human - automation - generated) / nullif(lines - automation - generated, 0) AS ai_upper,
  ai_lines_lower,
  ai_lines_point,
  lines - human - automation - generated AS ai_lines_upper,
  human,
  automation,
  generated,
  unknown,
  evident / lines AS coverage,
  false AS is_corrected,
  CAST(getvariable('rules_version') AS VARCHAR) AS rules_version
FROM counted
ORDER BY grain, period, repo
