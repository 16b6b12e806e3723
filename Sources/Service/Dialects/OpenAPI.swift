/// The interface as OpenAPI 3.1 describes it: what `/openapi.json` answers.
enum OpenAPI {
    static let document = #"""
        {
          "openapi": "3.1.0",
          "info": {
            "title": "Excite",
            "version": "\#(Build.version)",
            "summary": "Labels photographs.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
          },
          "servers": [{"url": "/"}],
          "paths": {
            "/classify": {
              "post": {
                "operationId": "classify",
                "summary": "Label an image, or several.",
                "description": "The image is the form's field 'image', which can be repeated, or the body itself. The bytes decide what it is, whatever type is declared.",
                "parameters": [
                  {"name": "top", "in": "query", "description": "How many labels; at most as many as the model has classes.", "schema": {"type": "integer", "minimum": 1, "default": 5}},
                  {"name": "model", "in": "query", "description": "A name that /models gives. Without it the first model is asked.", "schema": {"type": "string"}},
                  {"name": "gates", "in": "query", "description": "The gates of the network's squeeze-and-excitation blocks: their means and histograms, or with 'full' every value too.", "schema": {"type": "string", "enum": ["0", "1", "full"], "default": "0"}},
                  {"name": "X-Request-Id", "in": "header", "description": "Comes back in the answer and in the log; made up where absent.", "schema": {"type": "string", "maxLength": 128}},
                  {"name": "X-Deadline-Ms", "in": "header", "description": "Milliseconds that the client will wait. What cannot be done by then is refused with 429, what was not begun by then is dropped with 504.", "schema": {"type": "integer", "minimum": 1, "maximum": 86400000}},
                  {"name": "traceparent", "in": "header", "description": "Goes into the log.", "schema": {"type": "string", "maxLength": 128}}
                ],
                "requestBody": {
                  "required": true,
                  "content": {
                    "multipart/form-data": {
                      "schema": {
                        "type": "object",
                        "required": ["image"],
                        "properties": {"image": {"type": "array", "minItems": 1, "items": {"type": "string", "contentMediaType": "image/*"}}}
                      }
                    },
                    "image/*": {"schema": {}},
                    "application/octet-stream": {"schema": {}}
                  }
                },
                "responses": {
                  "200": {
                    "description": "The labels: of one image, or of several in their order. One bad image of several spoils only its own entry.",
                    "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "408": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"},
                  "415": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/TryAgain"},
                  "500": {"$ref": "#/components/responses/Problem"},
                  "501": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/TryAgain"},
                  "504": {"$ref": "#/components/responses/Problem"}
                }
              }
            },
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
                  "503": {"$ref": "#/components/responses/TryAgain"}
                }
              }
            },
            "/livez": {
              "get": {
                "operationId": "livez",
                "summary": "Whether the process answers at all.",
                "responses": {"200": {"$ref": "#/components/responses/Text"}}
              }
            },
            "/readyz": {
              "get": {
                "operationId": "readyz",
                "summary": "Whether requests are served: the models are loaded, warm, and have classified their self-test images as recorded.",
                "responses": {"200": {"$ref": "#/components/responses/Text"}, "503": {"$ref": "#/components/responses/Text"}}
              }
            },
            "/healthz": {
              "get": {
                "operationId": "healthz",
                "summary": "The same as /readyz.",
                "responses": {"200": {"$ref": "#/components/responses/Text"}, "503": {"$ref": "#/components/responses/Text"}}
              }
            },
            "/metrics": {
              "get": {
                "operationId": "metrics",
                "summary": "Metrics in Prometheus' text format 0.0.4.",
                "responses": {"200": {"$ref": "#/components/responses/Text"}}
              }
            },
            "/openapi.json": {
              "get": {
                "operationId": "openapi",
                "summary": "This description.",
                "responses": {"200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}}
              }
            }
          },
          "components": {
            "headers": {
              "X-Request-Id": {"description": "The request's own, or one made up.", "schema": {"type": "string"}},
              "Retry-After": {"description": "When to come back, in seconds, from the measured rate.", "schema": {"type": "integer", "minimum": 1}}
            },
            "responses": {
              "Text": {"description": "What there is to say, in words.", "content": {"text/plain": {"schema": {"type": "string"}}}},
              "Problem": {
                "description": "What was wrong and what to do.",
                "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "TryAgain": {
                "description": "Not now: what was wrong and when to come back.",
                "headers": {
                  "X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"},
                  "Retry-After": {"$ref": "#/components/headers/Retry-After"}
                },
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              }
            },
            "schemas": {
              "Answer": {
                "oneOf": [
                  {
                    "allOf": [
                      {"type": "object", "required": ["model"], "properties": {"model": {"type": "string"}}},
                      {"$ref": "#/components/schemas/Classification"}
                    ]
                  },
                  {
                    "type": "object",
                    "required": ["model", "results"],
                    "properties": {
                      "model": {"type": "string"},
                      "results": {"type": "array", "minItems": 2, "items": {"oneOf": [{"$ref": "#/components/schemas/Classification"}, {"$ref": "#/components/schemas/Failure"}]}}
                    }
                  }
                ]
              },
              "Classification": {
                "type": "object",
                "required": ["predictions", "image", "timing_ms", "batch_size"],
                "properties": {
                  "predictions": {"type": "array", "description": "Best first.", "minItems": 1, "items": {"$ref": "#/components/schemas/Prediction"}},
                  "image": {"$ref": "#/components/schemas/Image"},
                  "timing_ms": {"$ref": "#/components/schemas/Timing"},
                  "batch_size": {"type": "integer", "minimum": 1, "description": "Images that ran together with it."},
                  "gates": {"type": "array", "description": "Where the request asked for them; in the network's order.", "items": {"$ref": "#/components/schemas/Gate"}}
                }
              },
              "Gate": {
                "type": "object",
                "required": ["name", "channels", "mean", "histogram"],
                "properties": {
                  "name": {"type": "string", "description": "The block's, as the checkpoint has it: layer1.0.se."},
                  "channels": {"type": "integer", "minimum": 1},
                  "mean": {"type": "number", "description": "Over the channels."},
                  "histogram": {"type": "array", "description": "How many channels' values lie in each tenth of 0 to 1.", "items": {"type": "integer", "minimum": 0}, "minItems": 10, "maxItems": 10},
                  "values": {"type": "array", "description": "Of each channel; with gates=full.", "items": {"type": "number"}}
                }
              },
              "Failure": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": {"$ref": "#/components/schemas/Problem"}}
              },
              "Prediction": {
                "type": "object",
                "required": ["label", "class", "index", "score"],
                "properties": {
                  "label": {"type": "string", "description": "The class's name for people."},
                  "synonyms": {"type": "array", "description": "Its other names; absent where it has none.", "items": {"type": "string"}},
                  "class": {"type": "string", "description": "Its short name: a WordNet id, say."},
                  "index": {"type": "integer", "minimum": 0},
                  "score": {"type": "number", "minimum": 0, "maximum": 1, "description": "Softmax over all classes; of a model with one output, or trained for several labels at once, each class's own sigmoid."}
                }
              },
              "Image": {
                "type": "object",
                "required": ["format", "width", "height", "orientation", "mode"],
                "properties": {
                  "format": {"type": "string", "enum": ["jpeg", "png", "webp"]},
                  "width": {"type": "integer", "minimum": 1, "description": "As stored."},
                  "height": {"type": "integer", "minimum": 1, "description": "As stored."},
                  "orientation": {"type": "integer", "minimum": 1, "maximum": 8, "description": "What EXIF says; 1 is upright."},
                  "mode": {"type": "string", "description": "How colour is stored: gray, gray_alpha, rgb, rgba, palette or cmyk."},
                  "warnings": {"type": "array", "description": "What was passed over, in words; absent where nothing was.", "items": {"type": "string"}}
                }
              },
              "Timing": {
                "type": "object",
                "description": "Where the time went, in milliseconds.",
                "required": ["receive", "decode", "queue", "inference", "total"],
                "properties": {
                  "receive": {"type": "number", "description": "Until the request's body was here."},
                  "decode": {"type": "number", "description": "Decoding, resizing and cropping."},
                  "queue": {"type": "number", "description": "Waiting."},
                  "inference": {"type": "number", "description": "The batch's run."},
                  "total": {"type": "number"}
                }
              },
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
              },
              "Problem": {
                "type": "object",
                "description": "RFC 9457.",
                "required": ["status", "title", "detail", "code"],
                "properties": {
                  "status": {"type": "integer"},
                  "title": {"type": "string"},
                  "detail": {"type": "string", "description": "What was wrong and what to do."},
                  "code": {"type": "string", "description": "Stays the same: for programs to branch on."}
                }
              }
            }
          }
        }
        """#
}
