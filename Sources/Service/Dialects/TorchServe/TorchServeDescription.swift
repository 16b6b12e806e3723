extension APIDescription {
    static let torchServe = APIDescription(
        paths: [
            prediction("/predictions/{model}", model, "torchserve_predict"),
            prediction("/predictions/{model}/{version}", "\(model), \(version)", "torchserve_predict_version"),
            #"""
            "/ping": {
              "get": {
                "operationId": "torchserve_ping",
                "security": [],
                "summary": "TorchServe: whether requests are served.",
                "responses": {
                  "200": {"$ref": "#/components/responses/TorchServeHealth"},
                  "503": {"$ref": "#/components/responses/TorchServeHealth"}
                }
              }
            },
            "/torchserve/models": {
              "get": {
                "operationId": "torchserve_models",
                "summary": "TorchServe's management API: which models are served.",
                "responses": {
                  "200": {
                    "description": "Their names.",
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "object",
                          "required": ["models"],
                          "properties": {
                            "models": {
                              "type": "array",
                              "items": {
                                "type": "object",
                                "required": ["modelName", "modelUrl"],
                                "properties": {"modelName": {"type": "string"}, "modelUrl": {"type": "string"}}
                              }
                            }
                          }
                        },
                        "example": {"models": [{"modelName": "seresnet34.tiny_imagenet", "modelUrl": "seresnet34.tiny_imagenet"}]}
                      }
                    }
                  },
                  \#(keyRefusals("TorchServeError", again: "TorchServeTryAgain")),
                  "503": {"$ref": "#/components/responses/TorchServeError"}
                }
              }
            }
            """#,
            management("/torchserve/models/{model}", model, "torchserve_model"),
            management("/torchserve/models/{model}/{version}", "\(model), \(version)", "torchserve_model_version"),
        ].joined(separator: ",\n"),
        responses: #"""
            "TorchServeHealth": {
              "description": "Healthy or Unhealthy.",
              "content": {
                "application/json": {
                  "schema": {
                    "type": "object", "required": ["status"], "properties": {"status": {"type": "string", "enum": ["Healthy", "Unhealthy"]}}
                  }
                }
              }
            },
            "TorchServeError": {
              "description": "What was wrong and what to do.",
              "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TorchServeError"}}, "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
            },
            "TorchServeTryAgain": {
              "description": "Not now: what was wrong and when to come back.",
              "headers": {"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TorchServeError"}}, "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
            }
            """#,
        schemas: #"""
            "TorchServeLabels": {
              "type": "object",
              "description": "The five best labels, best first, each with its probability.",
              "minProperties": 1,
              "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}
            },
            "TorchServeError": {
              "type": "object",
              "required": ["code", "type", "message"],
              "properties": {
                "code": {"type": "integer", "description": "The status."},
                "type": {"type": "string", "description": "TorchServe's name for such an error: ModelNotFoundException."},
                "message": {"type": "string"}
              }
            }
            """#)

    private static let model = #"{"name": "model", "in": "path", "required": true, "schema": {"type": "string"}}"#
    private static let version = #"""
        {"name": "version", "in": "path", "required": true, "description": "2 or 2.0; 1.0 of a model without versions.", "schema": {"type": "string"}}
        """#

    /// The methods of a path that predicts.
    private static func prediction(_ path: String, _ parameters: String, _ id: String) -> String {
        let methods = [("post", id), ("put", "\(id)_put")].map { method, id in
            #"""
            "\#(method)": {
              "operationId": "\#(id)",
              "summary": "TorchServe: the five best labels of an image, or of several.",
              "description": "The image is the body itself (curl -T), or the form's field 'data' or 'body', which can be repeated.",
              "parameters": [\#(parameters), {"$ref": "#/components/parameters/X-Deadline-Ms"}, {"$ref": "#/components/parameters/X-Priority"}],
              \#(imageBody(field: "data")),
              "responses": {
                "200": {
                  "description": "The labels: of one image, or a list, of several in their order; one bad image of several spoils only its own entry.",
                  "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
                  "content": {
                    "application/json": {
                      "schema": {
                        "oneOf": [
                          {"$ref": "#/components/schemas/TorchServeLabels"},
                          {
                            "type": "array",
                            "minItems": 2,
                            "items": {
                              "oneOf": [{"$ref": "#/components/schemas/TorchServeLabels"}, {"$ref": "#/components/schemas/TorchServeError"}]
                            }
                          }
                        ]
                      },
                      "example": {"espresso": 0.99687797, "wooden spoon": 0.00039410402}
                    }
                  }
                },
                \#(refusals("TorchServeError", again: "TorchServeTryAgain"))
              }
            }
            """#
        }
        return "\"\(path)\": {\n\(methods.joined(separator: ",\n"))\n}"
    }

    private static func management(_ path: String, _ parameters: String, _ id: String) -> String {
        #"""
        "\#(path)": {
          "get": {
            "operationId": "\#(id)",
            "summary": "TorchServe's management API: what there is to say of a model.",
            "parameters": [\#(parameters)],
            "responses": {
              "200": {
                "description": "A list of one.",
                "content": {
                  "application/json": {
                    "schema": {
                      "type": "array",
                      "items": {
                        "type": "object",
                        "required": ["modelName", "modelVersion", "modelUrl", "minWorkers", "maxWorkers", "batchSize", "workers"],
                        "properties": {"modelName": {"type": "string"}, "modelVersion": {"type": "string"}, "batchSize": {"type": "integer"}}
                      }
                    }
                  }
                }
              },
              "400": {"$ref": "#/components/responses/TorchServeError"},
              "404": {"$ref": "#/components/responses/TorchServeError"},
              \#(keyRefusals("TorchServeError", again: "TorchServeTryAgain")),
              "503": {"$ref": "#/components/responses/TorchServeTryAgain"}
            }
          }
        }
        """#
    }
}
