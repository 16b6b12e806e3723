extension APIDescription {
    static let operations = APIDescription(
        paths: #"""
            "/models": {
              "get": {
                "operationId": "models",
                "summary": "What is served.",
                "responses": {
                  "200": {
                    "description": "The models; the first is the one that is asked by default.",
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
              "required": ["name", "architecture", "input_size", "precision", "classes", "parameters", "multiply_accumulates"],
              "properties": {
                "name": {"type": "string"},
                "architecture": {"type": "string"},
                "input_size": {"type": "array", "description": "Channels, height, width.", "minItems": 3, "maxItems": 3, "items": {"type": "integer"}},
                "precision": {"type": "string", "description": "What it is computed in.", "enum": ["f32", "bf16", "int8"]},
                "classes": {"type": "integer"},
                "parameters": {"type": "integer"},
                "multiply_accumulates": {"type": "integer", "description": "Of one image."},
                "license": {"type": "string"}
              }
            }
            """#)
}
