"""One Spark session for the interop tests: answers each line, a JSON list of statements, with the rows of each of them.

    python spark_client.py <jars of Iceberg's runtime for Spark, separated by commas>
"""

import json
import os
import sys
import traceback

os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"


def start_spark(jars):
    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", jars)
        .config("spark.driver.memory", "2g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .getOrCreate()
    )


def main(jars):
    # Whatever Spark prints is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    spark = start_spark(jars)
    try:
        for line in sys.stdin:
            try:
                answer = {"result": [[list(row) for row in spark.sql(text).collect()] for text in json.loads(line)]}
            except Exception:
                answer = {"error": traceback.format_exc()}
            print(json.dumps(answer, default=str), file=answers, flush=True)
    finally:
        spark.stop()


main(sys.argv[1])
