"""The HTTP side of a service: one call gives an app with health, metrics, problems, traces and docs of its own."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.types import ASGIApp, Lifespan

from shared.web import pages, problems
from shared.web.admission import Admission
from shared.web.authentication import Verifier, public
from shared.web.edge import Edge
from shared.web.readiness import Readiness, Report

MAX_BODY = 1024 * 1024
_pages = pages.templates()


class ServiceApp(FastAPI):
    """FastAPI with our edge and the gate around it, and the problem's schema in its OpenAPI."""

    registry: CollectorRegistry
    admission: Admission
    https_only: bool = False
    """Whether people and programs reach it over https, so that browsers are told to keep to that."""

    def build_middleware_stack(self) -> ASGIApp:
        """The edge goes outside FastAPI's own layers, so that their answers (413, 500) pass through it too."""
        inside = self.admission.around(super().build_middleware_stack(), self.registry)
        return Edge(inside, self.registry, self.https_only)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description, made once."""
        known = self.openapi_schema is not None
        document = super().openapi()
        if not known:
            document.setdefault("components", {}).setdefault("schemas", {}).update(problems.SCHEMAS)
        return document


def create_app(  # noqa: PLR0913 - its parts, by name
    title: str,
    version: str,
    *,
    lifespan: Lifespan[Any] | None,
    readiness: Readiness,
    registry: CollectorRegistry,
    verifier: Verifier,
    admission: Admission,
    https_only: bool = False,
    routers: Sequence[APIRouter] = (),
    asyncapi: Callable[[], Mapping[str, Any]] | None = None,
) -> ServiceApp:
    """An app ready to serve. Bodies are limited to 1 MiB; a route for uploads sets its own `max_body_size=`.

    `asyncapi` gives the AsyncAPI document served at /asyncapi.json. Give routers their prefix at `APIRouter(prefix=…)`.
    """
    app = ServiceApp(
        title=title,
        version=version,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would lead to whatever host the request names
        responses=problems.RESPONSES,
        max_body_size=MAX_BODY,
        separate_input_output_schemas=False,
    )
    app.registry, app.admission, app.https_only = registry, admission, https_only
    app.state.verifier = verifier
    problems.install(app)
    for router in (*routers, _probes(readiness, registry), _documents(asyncapi), pages.router):
        app.include_router(router)
    return app


def _probes(readiness: Readiness, registry: CollectorRegistry) -> APIRouter:
    router = APIRouter(tags=["operation"], dependencies=[Depends(public("probes of the platform; no data"))])

    @router.get("/healthz", summary="Is the process alive?")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", summary="Can it work?", responses={503: {"model": Report}})
    async def readyz(response: Response) -> Report:
        report = await readiness.report()
        response.status_code = 200 if report.ready else 503
        return report

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def _documents(asyncapi: Callable[[], Mapping[str, Any]] | None) -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[Depends(public("the interface is public"))])

    @router.get("/openapi.json")
    async def openapi(request: Request) -> JSONResponse:
        return JSONResponse(request.app.openapi())

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        document = request.app.openapi()
        return _pages.TemplateResponse(
            request, "docs.html", {"api": document, "groups": _by_tag(document), "events": asyncapi is not None}
        )

    if asyncapi is not None:

        @router.get("/asyncapi.json")
        async def events() -> JSONResponse:
            return JSONResponse(asyncapi())

    return router


def _by_tag(document: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations of an OpenAPI document for the docs page, grouped by their first tag."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {})
            shown = {
                "method": method.upper(),
                "path": path,
                "operation": operation,
                "is_public": "security" not in operation,
                "body": json.dumps(body, indent=2, ensure_ascii=False) if body else None,
            }
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(shown)
    return groups
