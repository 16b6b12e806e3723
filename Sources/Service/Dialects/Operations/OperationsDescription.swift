extension APIDescription {
    static let operations = APIDescription(
        paths: #"""
            "/models": {
              "get": {
                "operationId": "models",
                "summary": "What is served.",
                "responses": {
                  "200": {
                    "description": "The models that are to be served, and how it stands with each. The first that is given by --model is asked by default, or the only one.",
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "object",
                          "required": ["models"],
                          "properties": {"models": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}}
                        }
                      }
                    }
                  },
                  \#(keyRefusals("Problem", again: "TryAgain")),
                  "503": {"$ref": "#/components/responses/TryAgain"}
                }
              }
            },
            "/livez": {
              "get": {
                "operationId": "livez",
                "security": [],
                "summary": "Whether the process answers at all.",
                "responses": {"200": {"$ref": "#/components/responses/Text"}}
              }
            },
            "/readyz": {
              "get": {
                "operationId": "readyz",
                "security": [],
                "summary": "Whether requests are served: the models are loaded, warm, and have classified their self-test images as recorded.",
                "responses": {"200": {"$ref": "#/components/responses/Text"}, "503": {"$ref": "#/components/responses/Text"}}
              }
            },
            "/healthz": {
              "get": {
                "operationId": "healthz",
                "security": [],
                "summary": "The same as /readyz.",
                "responses": {"200": {"$ref": "#/components/responses/Text"}, "503": {"$ref": "#/components/responses/Text"}}
              }
            },
            "/metrics": {
              "get": {
                "operationId": "metrics",
                "summary": "Metrics in Prometheus' text format 0.0.4. With --admin-port at that port alone.",
                "responses": {"200": {"$ref": "#/components/responses/Text"}, \#(keyRefusals("Problem", again: "TryAgain"))}
              }
            },
            "/openapi.json": {
              "get": {
                "operationId": "openapi",
                "summary": "This description.",
                "responses": {
                  "200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}},
                  \#(keyRefusals("Problem", again: "TryAgain"))
                }
              }
            }
            """#,
        schemas: #"""
            "Model": {
              "type": "object",
              "description": "What follows the error is there once the model has been loaded.",
              "required": ["name", "state"],
              "properties": {
                "name": {"type": "string"},
                "version": {"type": "integer", "description": "Of a model that has versions."},
                "state": {"type": "string", "enum": ["loading", "serving", "failed", "unloaded"], "description": "Unloaded for the memory of others: the next request loads it."},
                "error": {"type": "string", "description": "Why its files on disk could not be loaded; it may be served as it was before."},
                "architecture": {"type": "string"},
                "input_size": {"type": "array", "description": "Channels, height, width.", "minItems": 3, "maxItems": 3, "items": {"type": "integer"}},
                "precision": {"type": "string", "description": "What it is computed in.", "enum": ["f32", "bf16", "int8"]},
                "classes": {"type": "integer"},
                "parameters": {"type": "integer"},
                "multiply_accumulates": {"type": "integer", "description": "Of one image."},
                "weight_bytes": {"type": "integer", "description": "In memory, while it is loaded."},
                "license": {"type": "string"}
              }
            }
            """#)
}
