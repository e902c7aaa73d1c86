"""OpenTelemetry, when the app asks for it with PYTHON_ENABLE_OPENTELEMETRY and brings the packages."""
from __future__ import annotations

import importlib
import logging
import os
from typing import Any

logger = logging.getLogger("horus_worker.telemetry")

SETTINGS = ("PYTHON_ENABLE_OPENTELEMETRY", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY")

# Whether invocations carry the host's trace context into OpenTelemetry.
enabled = False
_propagator: Any = None
_context_api: Any = None


def configure() -> bool:
    """Sets OpenTelemetry and the Azure Monitor exporter up; True when the worker reports its own telemetry."""
    global enabled, _propagator, _context_api
    enabled = False
    if not any(os.environ.get(setting) for setting in SETTINGS):
        return False
    try:
        _context_api = importlib.import_module("opentelemetry.context")
        module = importlib.import_module("opentelemetry.trace.propagation.tracecontext")
        _propagator = module.TraceContextTextMapPropagator()
    except ImportError as error:
        logger.error("PYTHON_ENABLE_OPENTELEMETRY is set, but opentelemetry-api is not installed: %s", error)
        return False
    try:
        monitor = importlib.import_module("azure.monitor.opentelemetry")
    except ImportError as error:
        logger.error(
            "PYTHON_ENABLE_OPENTELEMETRY is set: add 'azure-monitor-opentelemetry' to requirements.txt and run: "
            "pip install -r requirements.txt (%s)",
            error,
        )
        return False
    os.environ.setdefault("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "azure_functions")
    try:
        monitor.configure_azure_monitor(
            connection_string=os.environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING"),
            logger_name=os.environ.get("PYTHON_AZURE_MONITOR_LOGGER_NAME", ""),
        )
    except Exception as error:
        logger.error("Azure Monitor could not be set up: %s", error, exc_info=True)
        return False
    enabled = True
    return True


def attach(context: Any) -> None:
    """Makes the invocation's trace context current for the running task or thread."""
    if enabled:
        trace = context.trace_context
        carrier = {"traceparent": trace.trace_parent, "tracestate": trace.trace_state}
        _context_api.attach(_propagator.extract(carrier))
