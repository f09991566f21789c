"""The audit of every night, and the export of what it lets through, as a DAG of Airflow 3.

The gate is the audit's exit status: it is 3 when a checkpoint would meet the condition of GATE, and 2 when the store failed on more
checkpoints than it may, and then nothing is exported. Refused exports are rows with a reason, and no failure (status 4).

Each task submits from the worker by deploy/spark-submit/standalone; yarn and kubernetes beside it take the same arguments. The
connections and places are Airflow variables: doraxis_home, doraxis_spark_home, doraxis_spark_master, doraxis_hub, doraxis_audits, doraxis_exports.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

# of a hub for diffusers: no adapter that it loads wrong without a word may be there when the others are published
GATE = "diffusers@0.42:SILENTLY_WRONG"
WHERE = "peft_export.outcome = 'EXACT' AND status = 'OK'"

SUBMIT = "{{ var.value.doraxis_home }}/deploy/spark-submit/standalone"
ENVIRONMENT = {
    "SPARK_HOME": "{{ var.value.doraxis_spark_home }}",
    "SPARK_MASTER": "{{ var.value.doraxis_spark_master }}",
    "DORAXIS_CLUSTER": "medium",
    "HUB": "{{ var.value.doraxis_hub }}",
    "AUDITS": "{{ var.value.doraxis_audits }}",
    "EXPORTS": "{{ var.value.doraxis_exports }}",
    "GATE": GATE,
    "WHERE": WHERE,
}

with DAG(
    dag_id="doraxis_nightly",
    description="Audits the hub and exports what the audit lets through.",
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,  # an output takes one audit at a time
    default_args={"retries": 0, "execution_timeout": timedelta(hours=12)},  # Spark has tried tasks again; a gate stays shut
) as dag:
    audit = BashOperator(
        task_id="audit",
        bash_command=f'{SUBMIT} audit --input "$HUB" --output "$AUDITS" --max-store-errors 0.001 --fail-on "$GATE"',
        env=ENVIRONMENT,
        append_env=True,
    )
    export = BashOperator(
        task_id="export",
        bash_command=f'{SUBMIT} export --audit "$AUDITS" --where "$WHERE" --output "$EXPORTS" || [ $? -eq 4 ]',
        env=ENVIRONMENT,
        append_env=True,
    )
    audit >> export
