-- Merged lines by day and engineer. Bots are left out, and so are landings whose time is not known.
SELECT
  landed_on,
  engineer_id,
  CAST(sum(lines_raw) AS BIGINT) AS lines_raw,
  CAST(sum(lines_effective) AS BIGINT) AS lines_effective,
  CAST(sum(lines_authored) AS BIGINT) AS lines_authored,
  CAST(coalesce(sum(lines_authored) FILTER (WHERE author_class = 'ai'), 0) AS BIGINT) AS ai_point
FROM merged_lines
WHERE landed_on IS NOT NULL
  AND engineer_id NOT IN (SELECT engineer_id FROM engineers WHERE is_bot)
GROUP BY landed_on, engineer_id
ORDER BY landed_on, engineer_id
