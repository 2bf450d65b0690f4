# Wraps the packaged template in Terraform. First build and package it, as README.md beside this file says.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

variable "artifacts_bucket" {
  description = "Name of the bucket that `sam package` put the code into. It has to be in the stack's region."
  type        = string
}

variable "packaged_template" {
  description = "Path of the template that `sam package` wrote."
  type        = string
  default     = "packaged.yaml"
}

variable "stack_name" {
  description = "Name of the stack. It has to be unique in the region."
  type        = string
  default     = "imagekit-s3-purge"
}

variable "parameters" {
  description = "Parameters of the template: docs/settings.md has them all. Only UrlMap has no default."
  type        = map(string)

  validation {
    condition     = contains(keys(var.parameters), "UrlMap")
    error_message = "UrlMap is required, as in {UrlMap = \"my-bucket/media=https://ik.imagekit.io/demo\"}."
  }
}

# The template is longer than the 51,200 bytes that CloudFormation takes without a bucket:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
resource "aws_s3_object" "template" {
  bucket = var.artifacts_bucket
  key    = "imagekit-s3-purge/${filesha256(var.packaged_template)}.yaml"
  source = var.packaged_template
}

resource "aws_cloudformation_stack" "purge" {
  # checkov:skip=CKV_AWS_124: the stack has a topic of its own for what goes wrong in it
  name         = var.stack_name
  template_url = "https://${var.artifacts_bucket}.s3.${data.aws_region.here.name}.${data.aws_partition.here.dns_suffix}/${aws_s3_object.template.key}"
  parameters   = var.parameters

  # IAM: the stack has roles. AUTO_EXPAND: the template uses the transform of SAM, and no change set is reviewed.
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

  timeouts {
    create = "30m"
    update = "90m" # a gradual deployment takes up to half an hour
  }
}

data "aws_region" "here" {}
data "aws_partition" "here" {}

output "outputs" {
  description = "Outputs of the stack, as ImageKitSecretArn and AlertsTopicArn."
  value       = aws_cloudformation_stack.purge.outputs
}
